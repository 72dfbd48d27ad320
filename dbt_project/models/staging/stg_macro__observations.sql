with

observations as (
    select * from {{ source('raw', 'macro_observations') }}
),

renamed as (
    select
        observations.provider,
        observations.series_id,
        observations.observation_date,
        observations.vintage_date,
        observations.value as observation_value,
        observations.is_vintage,
        {{ cf_utc('observations.available_at') }} as available_at,
        {{ cf_utc('observations.loaded_at') }} as loaded_at,
        observations.is_sample
    from observations
    where
        {{ cf_visible('observations') }}
    {{ cf_only_newest(
        source('raw', 'macro_observations'),
        'observations',
        ['provider', 'series_id', 'observation_date', 'vintage_date']
    ) }}
)

select * from renamed
