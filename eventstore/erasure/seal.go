package erasure

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/contrail-events/contrail"
)

// Rows are what a [Query] returns. pgx.Rows are such; those of database/sql need a Close without a result.
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// Query asks the caller's transaction, be it one of pgx or of database/sql.
type Query func(statement string, args ...any) (Rows, error)

// MaxSubjectBytes is the size that a data subject's name may have.
const MaxSubjectBytes = 200

// lockSQL keeps the keys from being deleted until the transaction is over: erasing waits for it, or it waits for the erasing, and then finds no
// row. It disturbs no other appender. The order is the same for all, against deadlocks. It relies on the unique index on subject.
const lockSQL = `SELECT subject, id, wrapped FROM contrail.keys
WHERE subject = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb))) ORDER BY subject FOR KEY SHARE`

// createSQL waits for a rival that creates the key of the same subject, and leaves the row to it if it commits.
const createSQL = `INSERT INTO contrail.keys (id, subject, wrapped)
SELECT id, subject, wrapped FROM jsonb_to_recordset($1::jsonb) AS fresh (id text, subject text, wrapped text) ORDER BY subject
ON CONFLICT (subject) DO NOTHING RETURNING subject`

// KeysFor returns the keys of data subjects, in the transaction that query asks, and creates those that are missing in it. None of them can be
// deleted before the transaction is over, so what is encrypted with them and appended in it is erased with what was there before, or not
// at all. It takes one round trip, two where a subject is new. At READ COMMITTED it always succeeds in the end; at REPEATABLE READ and above, a rival is
// a serialization failure. The role needs SELECT and INSERT on contrail.keys, and UPDATE on one column for the lock, such as created_at.
//
// The keys hold in this transaction only: it may roll back, and theirs with it. After erasure a subject gets a new key.
//
// Errors: a [*contrail.InvalidError] for a subject that is empty, longer than [MaxSubjectBytes], not UTF-8 or with a NUL, found before the
// database is asked; [*NoKEKError] and [*CorruptError]; and what query returns.
func (k *Keyring) KeysFor(subjects []string, query Query) (map[string]Key, error) {
	missing := slices.Compact(slices.Sorted(slices.Values(subjects)))
	for _, subject := range missing {
		if err := checkSubject(subject); err != nil {
			return nil, err
		}
	}
	keys := make(map[string]Key, len(missing))
	isKnown := func(subject string) bool { _, known := keys[subject]; return known }
	for len(missing) > 0 { // again where a rival was faster; each time somebody has got further
		if err := k.lock(missing, query, keys); err != nil {
			return nil, err
		}
		missing = slices.DeleteFunc(missing, isKnown)
		if len(missing) == 0 {
			break
		}
		if err := k.create(missing, query, keys); err != nil {
			return nil, err
		}
		missing = slices.DeleteFunc(missing, isKnown)
	}
	return keys, nil
}

// lock adds the keys that there are.
func (k *Keyring) lock(subjects []string, query Query, keys map[string]Key) error {
	return ask(query, lockSQL, subjects, func(rows Rows) error {
		var subject, id, wrapped string
		if err := rows.Scan(&subject, &id, &wrapped); err != nil {
			return err
		}
		key, err := k.Unwrap(id, wrapped)
		if err != nil {
			return err
		}
		keys[subject] = key
		return nil
	})
}

// candidate is a row of contrail.keys to be.
type candidate struct {
	ID      string `json:"id"`
	Subject string `json:"subject"`
	Wrapped string `json:"wrapped"`
}

// create makes keys, and adds those whose rows it got to insert.
func (k *Keyring) create(subjects []string, query Query, keys map[string]Key) error {
	candidates := make([]candidate, len(subjects))
	made := make(map[string]Key, len(subjects))
	for i, subject := range subjects {
		key, wrapped, err := k.NewKey()
		if err != nil {
			return err
		}
		made[subject], candidates[i] = key, candidate{ID: key.ID(), Subject: subject, Wrapped: wrapped}
	}
	return ask(query, createSQL, candidates, func(rows Rows) error {
		var subject string
		if err := rows.Scan(&subject); err != nil {
			return err
		}
		keys[subject] = made[subject]
		return nil
	})
}

// ask passes the one argument as JSON, which every driver takes in every mode.
func ask(query Query, statement string, argument any, each func(Rows) error) error {
	wrap := func(err error) error { return fmt.Errorf("get the keys of data subjects: %w", err) }
	text, err := json.Marshal(argument)
	if err != nil {
		return wrap(err)
	}
	rows, err := query(statement, string(text))
	if err != nil {
		return wrap(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return wrap(err)
		}
	}
	if err := rows.Err(); err != nil {
		return wrap(err)
	}
	return nil
}

func checkSubject(subject string) error {
	reason := ""
	switch {
	case subject == "":
		reason = "is empty"
	case len(subject) > MaxSubjectBytes:
		reason = "is longer than 200 bytes"
	case !utf8.ValidString(subject) || strings.ContainsRune(subject, 0):
		reason = "is not UTF-8, or has a NUL, which PostgreSQL cannot hold"
	}
	if reason == "" {
		return nil
	}
	return &contrail.InvalidError{What: "data subject", Value: subject, Reason: reason}
}
