package erasure

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"
)

// Subject is a person whose events are encrypted.
type Subject struct {
	Name      string    `json:"subject"`    // as [contrail.Event.DataSubject] names them
	KeyID     string    `json:"key_id"`     // as the events' metadata names it
	KEK       string    `json:"kek"`        // the key-encryption key that the key is wrapped with; empty when the wrapped key is corrupt
	CreatedAt time.Time `json:"created_at"` // in UTC
}

const subjectsPage = 1000

// subjectsSQL walks the unique index on subject, a page at a time.
const subjectsSQL = `SELECT subject, id, wrapped, created_at FROM contrail.keys WHERE subject > $1 ORDER BY subject LIMIT $2`

// Subjects yields everybody who has a key, in the database's order of names, and in constant memory. No connection is held while the loop's body
// runs. An error ends the sequence and comes as its last pair.
func (k *Keys) Subjects(ctx context.Context) iter.Seq2[Subject, error] {
	return func(yield func(Subject, error) bool) {
		after := ""
		for {
			page, err := k.subjects(ctx, after)
			if err != nil {
				yield(Subject{}, fmt.Errorf("list data subjects: %w", err))
				return
			}
			for _, subject := range page {
				if !yield(subject, nil) {
					return
				}
			}
			if len(page) < subjectsPage {
				return
			}
			after = page[len(page)-1].Name
		}
	}
}

func (k *Keys) subjects(ctx context.Context, after string) ([]Subject, error) {
	rows, err := k.db.Query(ctx, subjectsSQL, after, subjectsPage)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Subject, error) { //nolint:wrapcheck // Subjects wraps it
		var s Subject
		var wrapped string
		err := row.Scan(&s.Name, &s.KeyID, &wrapped, &s.CreatedAt)
		s.KEK, s.CreatedAt = KEKOf(wrapped), s.CreatedAt.UTC()
		return s, err //nolint:wrapcheck // likewise
	})
}
