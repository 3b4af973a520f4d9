-- How far a file was imported, when it was told to go on after a break.

-- +goose Up
CREATE TABLE contrail.imports (
  name       text        PRIMARY KEY,
  lines      bigint      NOT NULL DEFAULT 0,           -- read and committed
  bytes      bigint      NOT NULL DEFAULT 0,           -- likewise
  digest     bytea       NOT NULL,                     -- SHA-256 of those bytes: another file of the same name is refused
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
SELECT contrail.drop_empty('contrail.imports');
