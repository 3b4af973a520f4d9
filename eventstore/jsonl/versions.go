package jsonl

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// versionsSQL walks to the end of each stream in the unique index on (stream, version).
const versionsSQL = `SELECT clock_timestamp(), coalesce(array_agg(coalesce((
	SELECT e.version FROM contrail.events e WHERE e.stream = s.stream ORDER BY e.version DESC LIMIT 1), 0) ORDER BY s.n), '{}')
FROM unnest($1::text[]) WITH ORDINALITY AS s (stream, n)`

// maxVersions bounds how many streams are remembered.
const maxVersions = 50_000

// versions remembers at which version streams are that the import has appended to, which spares asking again for each batch. While the
// import's transaction is open nobody else can append to them; later, whoever does makes a COPY fail, and then they are forgotten.
type versions map[string]int64

// of returns the versions of streams, and the database's time.
func (v versions) of(ctx context.Context, tx pgx.Tx, streams []string) (found []int64, now time.Time, err error) {
	found = make([]int64, len(streams))
	var unknown []string
	var at []int
	for n, stream := range streams {
		version, known := v[stream]
		if !known {
			unknown, at = append(unknown, stream), append(at, n)
		}
		found[n] = version
	}
	var asked []int64
	if err := tx.QueryRow(ctx, versionsSQL, unknown).Scan(&now, &asked); err != nil {
		return nil, now, err //nolint:wrapcheck // the batch says which lines it is about
	}
	for n, version := range asked {
		found[at[n]] = version
	}
	return found, now, nil
}

// remember takes the versions over once a batch was copied.
func (v versions) remember(streams []string, at []int64) {
	if len(v)+len(streams) > maxVersions {
		clear(v)
	}
	for n, stream := range streams {
		v[stream] = at[n]
	}
}
