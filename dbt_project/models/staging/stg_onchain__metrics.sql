with

metrics as (
    select * from {{ source('raw', 'onchain_metrics') }}
),

renamed as (
    select
        metrics.provider,
        metrics.symbol,
        metrics.metric,
        metrics.day,
        metrics.value as metric_value,
        {{ cf_utc('metrics.available_at') }} as available_at,
        {{ cf_utc('metrics.loaded_at') }} as loaded_at,
        metrics.is_sample
    from metrics
    where
        {{ cf_visible('metrics') }}
    {{ cf_only_newest(
        source('raw', 'onchain_metrics'),
        'metrics',
        ['provider', 'symbol', 'metric', 'day', 'available_at']
    ) }}
)

select * from renamed
