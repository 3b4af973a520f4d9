package dashboard_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// projectionPage is the JSON form of a projection's page.
type projectionPage struct {
	Does     string  `json:"does"`
	Lag      *uint64 `json:"lag"`
	Position int64   `json:"position"`
	Rebuild  *struct {
		State       string `json:"state"`
		RequestedBy string `json:"requested_by"`
		Because     string `json:"because"`
	} `json:"rebuild"`
}

func (w *world) projection() (page projectionPage) {
	w.Helper()
	w.json("/projections/statement", &page)
	return page
}

func TestAProjection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.relays()
	w.exec(`CREATE TABLE statement (position bigint)`)
	projection, err := subscribers.NewProjection(w.js, w.pool, subscribers.ProjectionConfig{
		Name: "statement", Standby: 50 * time.Millisecond, Store: w.pool, Tables: []string{"public.statement"},
	}, func(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
		for _, event := range events {
			if _, err := tx.Exec(ctx, `INSERT INTO statement VALUES ($1)`, int64(event.Position)); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
	w.run(projection.Run)
	for range 5 {
		w.append("invoice-1", "InvoiceIssued", `{}`)
	}
	w.eventually(func() bool {
		return value[bool](w, `SELECT EXISTS (SELECT FROM contrail.projections WHERE name = 'statement' AND position = 5)`)
	})
	require.Equal(t, "running", w.projection().Does)
	require.Zero(t, *w.projection().Lag)

	told := w.act("/projections/statement/pause", "reason", "the tables are moved")
	require.Equal(t, "done", told.Outcome, "%+v", told)
	require.Contains(t, w.page("/projections/statement"), "by <bdi>local@dashboard</bdi>: <bdi>the tables are moved</bdi>")
	told = w.act("/projections/statement/rebuild", "reason", "a new column")
	require.Equal(t, "pending", told.Results[0].Outcome, "%+v", told)
	require.Contains(t, told.Results[0].Detail, "It waits, since the projection is paused: resume it.")
	require.Equal(t, "refused", w.act("/projections/statement/rebuild").Outcome, "one is asked for")
	require.Equal(t, "done", w.act("/projections/statement/rebuild", "restart", "yes").Outcome)
	require.Equal(t, "done", w.act("/projections/statement/cancel").Outcome)
	require.Equal(t, "refused", w.act("/projections/statement/cancel").Outcome)
	require.Equal(t, "cancelled", w.projection().Rebuild.State)

	require.Equal(t, "done", w.act("/projections/statement/resume").Outcome)
	require.Equal(t, "done", w.act("/projections/statement/rebuild", "reason", "a new column").Outcome)
	w.eventually(func() bool { return w.projection().Rebuild.State == "done" })
	require.Equal(t, "a new column", w.projection().Rebuild.Because)
	require.Contains(t, w.page("/projections/statement"), "5 events")
	require.Contains(t, w.page("/consumers"), "statement")
}
