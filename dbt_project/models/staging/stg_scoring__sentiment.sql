with

scores as (
    select * from {{ source('raw', 'sentiment_scores') }}
),

renamed as (
    select
        scores.text_id,
        scores.model_id,
        scores.model_revision,
        scores.score,
        scores.confidence,
        scores.p_negative,
        scores.p_neutral,
        scores.p_positive,
        scores.label,
        scores.precision as score_precision,
        {{ cf_utc('scores.scored_at') }} as scored_at,
        {{ cf_utc('scores.loaded_at') }} as loaded_at,
        scores.is_sample
    from scores
    where
        {{ cf_visible('scores', has_available_at=false) }}
    {{ cf_only_newest(
        source('raw', 'sentiment_scores'),
        'scores',
        ['text_id', 'model_id', 'model_revision'],
        has_available_at=false
    ) }}
)

select * from renamed
