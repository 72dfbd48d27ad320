{{ config(materialized='table', table_key=['n']) }}

with

digits as (
    {%- for digit in range(8) %}
    select {{ digit }} as digit
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

final as (
    select
        ones.digit
        + 8 * eights.digit
        + 64 * sixty_fours.digit
        + 512 * five_hundreds.digit as n
    from digits as ones
    cross join digits as eights
    cross join digits as sixty_fours
    cross join digits as five_hundreds
    where five_hundreds.digit < 2
)

select * from final
