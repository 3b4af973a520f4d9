package erasure

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// DefaultRewrapBatch is how many keys [Keys.Rewrap] has in a transaction by default.
const DefaultRewrapBatch = 500

// Rewrapped is what became of the keys.
type Rewrapped struct {
	Changed int `json:"changed"` // wrapped anew, under the first key-encryption key
	Current int `json:"current"` // wrapped with it already
	Failed  int `json:"failed"`  // left as they were: their key-encryption key is missing, or they are corrupt
}

// Appending goes on meanwhile, since these locks don't meet its own; erasing waits for a batch at most. It walks the primary key.
const (
	rewrapPageSQL = `SELECT id, wrapped FROM contrail.keys WHERE id > $1 ORDER BY id LIMIT $2 FOR NO KEY UPDATE`

	rewrapSQL = `UPDATE contrail.keys k SET wrapped = anew.wrapped
FROM jsonb_to_recordset($1::jsonb) AS anew (id text, wrapped text) WHERE k.id = anew.id`
)

// Rewrap wraps every key anew that is not wrapped with the keyring's first key-encryption key, batch by batch, each in a transaction of its own; zero
// means [DefaultRewrapBatch] keys. No event is touched. To change the key-encryption key: put the new one in front and let every process have it,
// then Rewrap, then take the old one away. It may be interrupted, and called again, at any time.
//
// Keys that can't be unwrapped are counted and left alone. The error then wraps the first one's [*NoKEKError] or [*CorruptError], and the
// others are wrapped anew nevertheless.
func (k *Keys) Rewrap(ctx context.Context, batch int) (Rewrapped, error) {
	if batch < 0 {
		return Rewrapped{}, fmt.Errorf("rewrap keys: the batch is %d, must not be negative", batch)
	}
	if batch == 0 {
		batch = DefaultRewrapBatch
	}
	w := rewrapping{keyring: k.keyring, batch: batch}
	for more := true; more; {
		before := w
		err := pgx.BeginFunc(ctx, k.db, func(tx pgx.Tx) (err error) {
			more, err = w.next(ctx, tx)
			return err
		})
		if err != nil { // of this batch nothing has happened
			return before.done, fmt.Errorf("rewrap keys: %w", err)
		}
	}
	if w.first != nil {
		return w.done, fmt.Errorf("rewrap keys: %d can't be unwrapped; the first: %w", w.done.Failed, w.first)
	}
	return w.done, nil
}

// rewrapping is how far it is.
type rewrapping struct {
	keyring *Keyring
	batch   int
	after   string
	done    Rewrapped
	first   error // why the first that failed did
}

// next does one batch and tells whether there may be more.
func (w *rewrapping) next(ctx context.Context, tx pgx.Tx) (more bool, err error) {
	rows, err := tx.Query(ctx, rewrapPageSQL, w.after, w.batch)
	if err != nil {
		return false, err //nolint:wrapcheck // Rewrap wraps it
	}
	page, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil || len(page) == 0 {
		return false, err //nolint:wrapcheck // Rewrap wraps it
	}
	w.after = page[len(page)-1].ID
	changed := w.change(page)
	if len(changed) > 0 {
		text, err := json.Marshal(changed)
		if err != nil {
			return false, err //nolint:wrapcheck // Rewrap wraps it
		}
		if _, err := tx.Exec(ctx, rewrapSQL, string(text)); err != nil {
			return false, err //nolint:wrapcheck // Rewrap wraps it
		}
	}
	return len(page) == w.batch, nil
}

// row is one of contrail.keys.
type row struct {
	ID      string `json:"id"`
	Wrapped string `json:"wrapped"`
}

// change wraps keys anew, and returns those for which there was need to.
func (w *rewrapping) change(page []row) []row {
	var anew []row
	for _, old := range page {
		wrapped, changed, err := w.keyring.Rewrap(old.ID, old.Wrapped)
		switch {
		case err != nil:
			w.done.Failed++
			if w.first == nil {
				w.first = fmt.Errorf("key %s: %w", old.ID, err)
			}
		case changed:
			w.done.Changed++
			anew = append(anew, row{old.ID, wrapped})
		default:
			w.done.Current++
		}
	}
	return anew
}
