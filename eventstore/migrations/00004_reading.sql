-- What reading needs beside the primary key and (stream, version).

-- +goose Up
CREATE INDEX events_category_idx ON contrail.events (split_part(stream, '-', 1), position);
CREATE INDEX events_correlation_idx ON contrail.events ((metadata->>'correlation_id'), position) WHERE metadata ? 'correlation_id';
CREATE INDEX events_recorded_at_idx ON contrail.events USING brin (recorded_at);

-- +goose Down
DROP INDEX contrail.events_recorded_at_idx;
DROP INDEX contrail.events_correlation_idx;
DROP INDEX contrail.events_category_idx;
