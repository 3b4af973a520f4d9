// Package erasure makes the events of a person unreadable for ever, in an append-only store and in every copy of it, by encrypting them with a
// key of that person and deleting the key.
//
//	keks, err := erasure.ParseKEKs(os.Getenv("CONTRAIL_KEYS"))     // 2026-11:<base64 of 32 bytes>,2025-03:…
//	keyring, err := erasure.NewKeyring(keks...)
//	keys, err := erasure.NewKeys(pool, keyring, erasure.Config{})  // opens what comes over JetStream; also for subscribers.Config.Keys
//	erased, err := keys.Erase(ctx, tx, "contact-42")
//
// Each person has a key of 256 random bits in contrail.keys, wrapped by a key-encryption key that comes from configuration. Data is a JWE
// (RFC 7516) with AES-256-GCM in the place of the event's data, a wrapped key is an encrypted JWK (RFC 7517): any JOSE library reads both. An
// event's metadata names its key as key_id.
//
// # What holds
//
//   - When the transaction of [Keys.Erase] is committed, every event encrypted with the key reads as erased, in the store, in JetStream,
//     in exports and in backups of the stream, whenever they were made. Snapshots that hold such data are gone in the same transaction.
//   - What is encrypted in a transaction is either erased with what was there before, or stays readable: [Keyring.KeysFor] locks the keys that it
//     returns. No event is ever encrypted with a key that is gone.
//   - An event's id, stream, version, type, metadata and time are not encrypted. Keep a person out of them, and out of subjects' names: contact-42, not a mail
//     address.
//
// # What does not
//
//   - A process that opens events through [Keys] may read on for [Config].CacheTTL. One that reads the store does not.
//   - PostgreSQL keeps a deleted row until vacuum has removed it and its WAL was recycled, and every backup of the database has it until that expires. The key in
//     it is still wrapped; but who has the backup and the key-encryption key has the data. To set the database back to a backup brings deleted
//     keys back: keep a list of whom you erased where it survives that, and erase them again. Events that are appended beside the erasure are such a list, since
//     the stream has them.
//   - A new key-encryption key ([Keys.Rewrap]) helps against an old one that leaks later, not against one that leaked together with a copy of the table.
//   - What was decrypted and kept elsewhere is out of reach: read models, search indexes, logs, mails. Append an event beside the erasure, and have their
//     projections handle it.
//   - An event cannot be appended again, with the same id, after the key was deleted: encrypted with the new key it is not the same, so it is a duplicate.
package erasure
