package parked

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// row is an event as it stands under its lock.
type row struct {
	key

	stream    string
	state     State
	reason    Reason
	changedBy string
	changedAt time.Time
}

// rowColumns are what scanRow reads.
const rowColumns = `p.relay, p.position, p.stream, p.state, p.reason, p.changed_by, p.changed_at`

// scanRow reads one row of rowColumns, and what stands behind them into more.
func scanRow(from pgx.CollectableRow, more ...any) (r row, err error) {
	err = from.Scan(append([]any{&r.relay, &r.position, &r.stream, &r.state, &r.reason, &r.changedBy, &r.changedAt}, more...)...)
	return r, err //nolint:wrapcheck // who asked wraps it
}
