package steps_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/subscribers/steps"
)

type reminded struct {
	Level int `json:"level"`
}

func (reminded) EventType() string { return "InvoiceReminded" }

// Events of a step commit with it, once; they have the cause, the correlation and the tenant of whoever began the run, though others go on with it.
func TestStepsAppendEvents(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	store, err := eventstore.New(eventstore.Config{})
	require.NoError(t, err)
	cause := contrail.Recorded{ID: uuid.New(), Metadata: contrail.Metadata{contrail.KeyTenantID: "acme", contrail.KeyCorrelationID: "request-7"}}
	stream := contrail.NewStreamID("invoice", "42")
	failed := false
	list := []steps.Step{tx("a", fine), steps.Tx("remind", func(ctx context.Context, tx pgx.Tx, _ *steps.State) error {
		_, err := store.Append(ctx, tx, stream, eventstore.Any, contrail.NewEvent(reminded{Level: 1}))
		require.NoError(t, err)
		if !failed {
			failed = true
			return errBroken
		}
		return nil
	})}
	_, err = steps.Run(contrail.CausedBy(t.Context(), cause), pool, "caused", nil, list...)
	require.ErrorIs(t, err, errBroken)
	require.Equal(t, "acme", field[string](t, pool, "tenant", "caused"))
	_, err = steps.Run(contrail.WithMetadata(t.Context(), contrail.Metadata{contrail.KeyUserID: "ada"}), pool, "caused", nil, list...)
	require.NoError(t, err)
	var events []contrail.Recorded
	for event, err := range store.Load(t.Context(), pool, stream, 1) {
		require.NoError(t, err)
		events = append(events, event)
	}
	require.Len(t, events, 1)
	require.Equal(t, contrail.Metadata{
		contrail.KeyCausationID: cause.ID.String(), contrail.KeyCorrelationID: "request-7", contrail.KeyTenantID: "acme", contrail.KeyUserID: "ada",
	}, events[0].Metadata)
}

// Where nothing has set off a run, it is what sets off its events.
func TestRunIsACause(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "cause", nil, steps.Tx("a", func(ctx context.Context, _ pgx.Tx, run *steps.State) error {
		id := run.RunID().String()
		require.Equal(t, contrail.Metadata{contrail.KeyCausationID: id, contrail.KeyCorrelationID: id}, contrail.MetadataFrom(ctx))
		return nil
	}))
	require.NoError(t, err)
}
