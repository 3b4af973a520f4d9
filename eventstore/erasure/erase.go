package erasure

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// eraseSQL waits for transactions that have encrypted something with the key to end; those that come later wait for this one. A trigger
// deletes the snapshots with what was encrypted. It relies on the unique index on subject.
const eraseSQL = `DELETE FROM contrail.keys WHERE subject = $1 RETURNING id`

// Erase deletes the key of a data subject, in tx, and tells whether there was one. Once tx is committed, nothing that was encrypted with it can be
// read any more, wherever it is copied to, within the limits that the package's documentation names. Append an event beside it, in tx, for
// read models to forget what they know of the person, and as a record of what to erase again after a restore.
//
// It never commits, and needs tx at READ COMMITTED: above it, a snapshot that was taken since tx began would stay, so the database refuses. What is appended for the subject afterwards is encrypted with a new key. This process stops reading as soon as tx is
// committed, unless that takes longer than CacheTTL; others do within their CacheTTL.
//
// Errors: a [*contrail.InvalidError] for what can't be a subject, found before the database is asked, and what the database returns.
func (k *Keys) Erase(ctx context.Context, tx pgx.Tx, subject string) (erased bool, err error) {
	if err := checkSubject(subject); err != nil {
		return false, err
	}
	if tx == nil {
		return false, fmt.Errorf("erase %s: the transaction is nil", subject)
	}
	var id string
	err = tx.QueryRow(ctx, eraseSQL, subject).Scan(&id)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("erase %s: %w", subject, err)
	}
	now := k.now()
	k.cache.bar(id, now, now.Add(k.ttl))
	return true, nil
}
