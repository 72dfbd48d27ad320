with

rejected as (
    select * from {{ source('raw', 'rejected_rows') }}
),

renamed as (
    select
        rejected.source as source_name,
        rejected.table_name,
        rejected.row_hash,
        rejected.reason,
        rejected.payload,
        {{ cf_utc('rejected.loaded_at') }} as loaded_at,
        rejected.is_sample
    from rejected
    where
        {{ cf_visible('rejected', has_available_at=false) }}
    {{ cf_only_newest(
        source('raw', 'rejected_rows'),
        'rejected',
        ['source', 'table_name', 'row_hash'],
        has_available_at=false
    ) }}
)

select * from renamed
