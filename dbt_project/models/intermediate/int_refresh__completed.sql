{{ config(materialized='table', table_key=['raw_table']) }}

-- depends_on: {{ ref('ml_features_materialized') }}
-- A build for a past moment leaves no watermark: the next ordinary run builds everything again.
with

watermarks as (
    select
        raw_table,
        loaded_through,
        recent_rows
    from {{ ref('int_refresh__watermarks') }}
),

final as (
    select
        raw_table,
        loaded_through,
        recent_rows
    from watermarks
    where {{ '1 = 0' if var('as_of') or var('loaded_as_of') else '1 = 1' }}
)

select * from final
