with

failures as (
    select * from {{ source('raw', 'scoring_failures') }}
),

renamed as (
    select
        failures.text_id,
        failures.model_id,
        failures.model_revision,
        failures.attempt,
        failures.error as reason,
        {{ cf_utc('failures.failed_at') }} as failed_at,
        {{ cf_utc('failures.loaded_at') }} as loaded_at,
        failures.is_sample
    from failures
    where
        {{ cf_visible('failures', has_available_at=false) }}
    {{ cf_only_newest(
        source('raw', 'scoring_failures'),
        'failures',
        ['text_id', 'model_id', 'model_revision'],
        has_available_at=false
    ) }}
)

select * from renamed
