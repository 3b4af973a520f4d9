-- What consumers keep beside their own effects. It may live in another database than the events: a subscriber's own.

-- +goose Up

-- An event that a consumer has taken effect of, inserted in the handler's own transaction.
CREATE TABLE contrail.inbox (
  consumer   text        NOT NULL,
  position   bigint      NOT NULL,
  handled_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, position)
);

-- How far a projection's read model is, written in the transaction that changes the read model.
CREATE TABLE contrail.projections (
  name       text        PRIMARY KEY,
  position   bigint      NOT NULL DEFAULT 0,       -- the last event that is in the read model
  sequence   bigint      NOT NULL DEFAULT 0,       -- its sequence in the JetStream stream
  updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- +goose Down
SELECT contrail.drop_empty('contrail.projections');
SELECT contrail.drop_empty('contrail.inbox');
