-- A key for each person whose events are encrypted, itself encrypted with a key-encryption key that is not in the database. To delete a
-- row is to erase the person's data: what it encrypted, here and in every copy of the events, can't be read any more.

-- +goose Up
CREATE TABLE contrail.keys (
  id         text        PRIMARY KEY DEFAULT gen_random_uuid()::text,   -- in the events' metadata as key_id
  subject    text        NOT NULL UNIQUE,                               -- the person, as the application names them
  wrapped    text        NOT NULL,                                      -- an encrypted JWK: a compact JWE (RFC 7516), A256GCMKW and A256GCM
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT keys_subject_valid CHECK (subject <> '' AND octet_length(subject) <= 200)
);

-- An event that names a key and is not encrypted would read as erased. Whoever writes it, its data is a JWE. NOT VALID: there is nothing
-- to look for among the events that were there before the keys.
ALTER TABLE contrail.events ADD CONSTRAINT events_sealed_valid CHECK (metadata = '{}'::jsonb OR NOT metadata ? 'key_id'
  OR data ?& ARRAY['protected', 'aad', 'iv', 'ciphertext', 'tag']) NOT VALID;

-- A snapshot may hold what an erased event said. These two run with the rights of the tables' owner: whoever may delete a key need have none
-- on the snapshots, and whoever may take a snapshot none on the keys. Nobody may call them otherwise. A transaction whose snapshot is older than the
-- deletion would not see, and leave, what was taken meanwhile: it is refused.
-- +goose StatementBegin
CREATE FUNCTION contrail.forget() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
    RAISE EXCEPTION 'keys are deleted at READ COMMITTED only: this transaction can''t see every snapshot that holds what is erased'
      USING ERRCODE = 'invalid_transaction_state', HINT = 'Erase in a transaction of its own.';
  END IF;
  IF TG_OP = 'TRUNCATE' THEN
    DELETE FROM contrail.snapshots WHERE key_ids <> '{}';
  ELSE
    DELETE FROM contrail.snapshots WHERE key_ids @> ARRAY[OLD.id];
  END IF;
  RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER keys_forget AFTER DELETE ON contrail.keys FOR EACH ROW EXECUTE FUNCTION contrail.forget();
CREATE TRIGGER keys_forget_all AFTER TRUNCATE ON contrail.keys FOR EACH STATEMENT EXECUTE FUNCTION contrail.forget();
ALTER TABLE contrail.keys ENABLE ALWAYS TRIGGER keys_forget;
ALTER TABLE contrail.keys ENABLE ALWAYS TRIGGER keys_forget_all;

-- A snapshot that is taken while one of its keys is being deleted: the lock waits for whoever came first. Where a key is gone, nothing is
-- written, and nobody misses it.
-- +goose StatementBegin
CREATE FUNCTION contrail.remember() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM id FROM contrail.keys WHERE id = ANY (NEW.key_ids) ORDER BY id FOR KEY SHARE;
  IF EXISTS (SELECT FROM unnest(NEW.key_ids) AS used (id) WHERE NOT EXISTS (SELECT FROM contrail.keys k WHERE k.id = used.id)) THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE TRIGGER snapshots_remember BEFORE INSERT OR UPDATE ON contrail.snapshots
  FOR EACH ROW WHEN (NEW.key_ids <> '{}') EXECUTE FUNCTION contrail.remember();
ALTER TABLE contrail.snapshots ENABLE ALWAYS TRIGGER snapshots_remember;
REVOKE ALL ON FUNCTION contrail.forget(), contrail.remember() FROM PUBLIC;

-- +goose Down
SELECT contrail.drop_empty('contrail.keys');
DROP FUNCTION contrail.forget();
DROP TRIGGER snapshots_remember ON contrail.snapshots;
DROP FUNCTION contrail.remember();
ALTER TABLE contrail.events DROP CONSTRAINT events_sealed_valid;
