with

snapshots as (
    select * from {{ source('raw', 'asset_snapshots') }}
),

renamed as (
    select
        snapshots.provider,
        snapshots.symbol,
        {{ cf_utc('snapshots.captured_at') }} as captured_at,
        snapshots.circulating_supply,
        snapshots.total_supply,
        snapshots.max_supply,
        snapshots.market_cap_usd,
        snapshots.price_usd,
        {{ cf_utc('snapshots.last_updated_at') }} as last_updated_at,
        {{ cf_utc('snapshots.available_at') }} as available_at,
        {{ cf_utc('snapshots.loaded_at') }} as loaded_at,
        snapshots.is_sample
    from snapshots
    where
        {{ cf_visible('snapshots') }}
    {{ cf_only_newest(
        source('raw', 'asset_snapshots'),
        'snapshots',
        ['provider', 'symbol', 'captured_at']
    ) }}
)

select * from renamed
