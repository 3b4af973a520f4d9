package steps_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// Browse finds what List does, in the same order, also where it has to look at several stretches, and backwards in the opposite one.
func TestBrowseFindsWhatListDoes(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	writeRuns(t, pool, 6000)
	for name, filter := range map[string]steps.Filter{
		"key": {KeyPrefix: "halted/59"}, "tenant and state": {Tenant: "t-1", Statuses: []steps.Status{steps.Failed}, KeyPrefix: "failed/1"}, "nothing": {Workflow: "none"},
		"states": {Statuses: []steps.Status{steps.Halted, steps.Ready}, KeyPrefix: "halted/5"}, "error": {ErrorContains: "100%", KeyPrefix: "halted/600"},
	} {
		want := keysOf(t, pool, filter)
		filter.Limit = 100
		var turn steps.Turn
		got := []string{}
		for more := true; more; {
			page, err := steps.Browse(t.Context(), pool, filter, turn)
			require.NoError(t, err)
			for _, record := range page.Records {
				got = append(got, record.Key)
			}
			turn.Before = page.Looked
			if len(page.Records) == 100 {
				turn.Before = page.Records[99].ID
			}
			more = turn.Before != uuid.Nil
		}
		require.Equal(t, want, got, name)
		oldest := column[uuid.UUID](t, pool, `SELECT id FROM contrail.runs ORDER BY began_at, id LIMIT 1`)[0]
		back := []string{}
		for turn, more := (steps.Turn{After: oldest}), true; more; {
			page, err := steps.Browse(t.Context(), pool, filter, turn)
			require.NoError(t, err)
			for _, record := range page.Records {
				back = append(back, record.Key)
			}
			turn.After = page.Looked
			if len(page.Records) == 100 {
				turn.After = page.Records[99].ID
			}
			more = turn.After != uuid.Nil
		}
		slices.Reverse(back)
		require.Equal(t, want, back, name)
	}
	_, err := steps.Browse(t.Context(), pool, steps.Filter{}, steps.Turn{Before: uuid.New()})
	require.ErrorIs(t, err, steps.ErrNotFound)
	_, err = steps.Browse(t.Context(), pool, steps.Filter{Limit: -1}, steps.Turn{})
	require.ErrorContains(t, err, "browse runs: steps.Filter: Limit is -1")
}

// A page of what waits for a person, for somebody who looks at a screen.
func ExampleBrowse() {
	ctx := context.Background()
	pool, closeAll := exampleDatabase(ctx)
	defer closeAll()
	_, _ = steps.Run(ctx, pool, "orders/42", nil, steps.Tx("charge", func(context.Context, pgx.Tx, *steps.State) error { return steps.Halt("the total is above 10,000") }))
	page := must(steps.Browse(ctx, pool, steps.Filter{Statuses: []steps.Status{steps.Halted}, Limit: 50}, steps.Turn{}))
	for _, record := range page.Records {
		fmt.Println(record.Key, record.Status, record.Reason)
	}
	fmt.Println("all of it:", page.Looked == uuid.Nil)
	// Output:
	// orders/42 halted the total is above 10,000
	// all of it: true
}
