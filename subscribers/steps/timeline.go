package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/internal/sqltext"
)

// Timeline is a run with all that is known of it.
type Timeline struct {
	Record

	Succeeded []string                   `json:"succeeded"` // the steps that have, in their order
	Undone    []string                   `json:"undone"`    // those whose Undo has succeeded, likewise: the last step first
	Values    map[string]json.RawMessage `json:"values"`    // what steps have kept
	Awaiting  []string                   `json:"awaiting"`  // of the runs that it waits for: those that have not ended, or are not there
	Log       []Entry                    `json:"log"`       // what has become of its steps, the latest last
	Omitted   int64                      `json:"omitted"`   // earlier entries of the log, which were not asked for
	Why       string                     `json:"why"`       // why it stands where it stands, and what happens next: a sentence or two
}

// Entry is an entry of a run's log.
type Entry struct {
	At     time.Time `json:"at"`     // UTC, by the database's clock
	Step   string    `json:"step"`   // empty: the run itself
	What   string    `json:"what"`   // such as succeeded, errored, repeated, waiting, halted, undone, retried, cancelled
	By     string    `json:"by"`     // the process, or the person
	Detail string    `json:"detail"` // the error, the reason, the time
}

// Look is what [Explain] shows. The zero value works.
type Look struct {
	Tenant  string // only a run of this tenant: another one's is not found; empty: any
	Entries int    // entries of the log, the latest; default: 1000
}

const defaultEntries = 1000

// explainSQL reads one run by its unique key, and what hangs on it by primary keys, in one snapshot.
const explainSQL = `SELECT ` + recordColumns + `,
	ARRAY(SELECT step FROM contrail.run_log WHERE run = r.id AND what = 'succeeded' ORDER BY number),
	ARRAY(SELECT step FROM contrail.run_log WHERE run = r.id AND what = 'undone' ORDER BY number),
	coalesce((SELECT jsonb_object_agg(key, value) FROM contrail.run_values WHERE run = r.id), '{}'),
	ARRAY(SELECT a FROM unnest(r.awaits) WITH ORDINALITY AS u(a, n)
		WHERE NOT EXISTS (SELECT FROM contrail.runs WHERE key = a AND ended_at IS NOT NULL) ORDER BY n),
	coalesce((SELECT jsonb_agg(jsonb_build_object('at', at, 'step', step, 'what', what, 'by', by_whom, 'detail', detail) ORDER BY number)
		FROM (SELECT * FROM contrail.run_log WHERE run = r.id ORDER BY number DESC LIMIT $3) AS latest), '[]'),
	(SELECT count(*) FROM contrail.run_log WHERE run = r.id)
	FROM contrail.runs AS r` + withLease + `WHERE r.key = $1 AND ($2 = '' OR r.tenant = $2)`

// Explain returns all that is known of the run with that key: how it stands and why, what its steps have kept, and what has become of
// them. The error wraps [ErrNotFound].
func Explain(ctx context.Context, db Querier, key string, look Look) (Timeline, error) {
	if look.Entries <= 0 {
		look.Entries = defaultEntries
	}
	if !sqltext.IsText(key) || !sqltext.IsText(look.Tenant) {
		return Timeline{}, fmt.Errorf("explain run %q: %w", shortened(key), ErrNotFound)
	}
	rows, err := db.Query(ctx, explainSQL, key, look.Tenant, look.Entries)
	if err != nil {
		return Timeline{}, fmt.Errorf("explain run %s: %w", key, err)
	}
	timeline, err := pgx.CollectExactlyOneRow(rows, scanTimeline)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Timeline{}, fmt.Errorf("explain run %s: %w", key, err)
	}
	return timeline, nil
}

// scanTimeline reads a record, and the columns behind it.
func scanTimeline(row pgx.CollectableRow) (Timeline, error) {
	var t Timeline
	var entries int64
	record, err := scanRecord(widerRow{row, []any{&t.Succeeded, &t.Undone, &t.Values, &t.Awaiting, &t.Log, &entries}})
	if err != nil {
		return Timeline{}, err
	}
	t.Record, t.Omitted = record, entries-int64(len(t.Log))
	for i := range t.Log {
		t.Log[i].At = t.Log[i].At.UTC()
	}
	t.Why = t.why()
	return t, nil
}

// widerRow has more columns than who scans it knows.
type widerRow struct {
	pgx.CollectableRow

	more []any
}

func (w widerRow) Scan(into ...any) error {
	return w.CollectableRow.Scan(append(into, w.more...)...) //nolint:wrapcheck // the callers do
}
