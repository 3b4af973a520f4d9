package invoicing

import (
	"context"
	"fmt"

	"github.com/contrail-events/contrail/eventstore"
)

// fillSQL reads every event of the three categories, and locks the rows that it writes.
const fillSQL = `SELECT invoicing.fill_register()`

// FillRegister writes the entries that are missing, and those whose stream is ahead of them, and returns how many. The services do so by
// themselves for each aggregate that they come upon; this is for lists, once another program has appended, or events were imported. It may run
// beside the services and any number of times.
func FillRegister(ctx context.Context, db eventstore.Querier) (int64, error) {
	var written int64
	if err := db.QueryRow(ctx, fillSQL).Scan(&written); err != nil {
		return 0, fmt.Errorf("fill the register from the events: %w", translate(err))
	}
	return written, nil
}
