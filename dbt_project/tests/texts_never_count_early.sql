-- No article counts for a bar that closed before the article was available, nor after its 24 hours: the
-- counted hours of each version lie between its own availability and 24 hours after the first one.
select
    versions.feed,
    versions.guid,
    versions.from_hour,
    versions.to_hour,
    versions.first_from_hour
from {{ ref('int_news__versions') }} as versions
where
    versions.from_hour < versions.first_from_hour
    or versions.to_hour > versions.first_from_hour + 24
    or versions.to_hour <= versions.from_hour
