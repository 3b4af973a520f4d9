-- contrail_append: appends and loads events, handles commands with snapshots, encrypts and decrypts, imports. It can't erase: that takes
-- DELETE on contrail.keys, by a grant of your own.
DO $$ BEGIN
  IF to_regrole('contrail_append') IS NULL THEN CREATE ROLE contrail_append NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- somebody else was faster
END $$;
GRANT USAGE ON SCHEMA contrail TO contrail_append;
GRANT SELECT, INSERT ON contrail.events TO contrail_append;
GRANT SELECT ON contrail.events_position_seq, contrail.store, contrail.migrations TO contrail_append;
GRANT SELECT, INSERT, UPDATE, DELETE ON contrail.snapshots TO contrail_append;
GRANT SELECT, INSERT ON contrail.keys TO contrail_append;
GRANT UPDATE (created_at) ON contrail.keys TO contrail_append; -- to lock a key FOR KEY SHARE takes the right to update a column, any one
GRANT SELECT, INSERT, UPDATE ON contrail.imports TO contrail_append;
