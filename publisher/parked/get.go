package parked

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// ErrNotFound says that no relay has left this event out.
var ErrNotFound = errors.New("no such parked event")

const getSQL = `SELECT ` + columns + `, e.data, e.metadata` + joined + `WHERE p.relay = $1 AND p.position = $2`

// Get returns one event with its data and metadata, or an error that wraps [ErrNotFound]. relay is the JetStream stream.
func Get(ctx context.Context, db Querier, relay string, position contrail.Position) (Detail, error) {
	var found Detail
	var data, metadata []byte
	event, err := scan(db.QueryRow(ctx, getSQL, relay, int64(position)), &data, &metadata)
	found.Event, found.Data = event, data
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err == nil && metadata != nil {
		err = json.Unmarshal(metadata, &found.Metadata)
	}
	if err != nil {
		return Detail{}, fmt.Errorf("position %d of %s: %w", position, relay, err)
	}
	return found, nil
}
