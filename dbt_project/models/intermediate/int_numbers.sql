{{ config(materialized='incremental', incremental_strategy='append', table_key=['size', 'n']) }}

{#- For every size 1..512 the numbers 0..size - 1: rows are multiplied through an equality, which every engine
    answers from an index or a hash. They are the same in every build: one that finds them adds none. -#}
with

digits as (
    {% for digit in range(8) %}
    select {{ digit }} as digit
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

numbers as (
    select ones.digit + 8 * eights.digit + 64 * sixty_fours.digit as n
    from digits as ones
    cross join digits as eights
    cross join digits as sixty_fours
),

final as (
    select
        sizes.n + 1 as size,
        numbers.n
    from numbers as sizes
    inner join numbers
        on sizes.n >= numbers.n
    {% if is_incremental() %}
    where 1 = 0
    {% endif %}
)

select * from final
