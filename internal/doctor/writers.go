package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher"
)

// One row; and the greatest position, by the sequence.
const storeSQL = `SELECT id::text, contrail.last_position() FROM contrail.store`

func checkWriters(ctx context.Context, d *Doctor) ([]Finding, error) {
	info, err := d.streamInfo(ctx, d.config.Stream)
	if err != nil {
		return nil, err
	}
	var id string
	var last int64
	if err := d.pool.QueryRow(ctx, storeSQL).Scan(&id, &last); err != nil {
		return nil, fmt.Errorf("read the store's id: %w", err)
	}
	store, err := uuid.Parse(id)
	if err != nil {
		return nil, fmt.Errorf("read the store's id: %w", err)
	}
	_, recorded, err := d.cursor(ctx)
	if err != nil {
		return nil, err
	}
	sequence := info.State.LastSeq
	with := values{"last_sequence": sequence, "recorded_sequence": recorded, "store": id}
	if int64(sequence) < recorded { //nolint:gosec // below 2^63 messages
		return []Finding{{
			Severity: Danger, What: fmt.Sprintf("stream %s ends at message %d, and the relay had recorded %d", d.config.Stream, sequence, recorded), Values: with,
			Why: "the broker has lost what it had acknowledged, or it is another stream", Do: "run contrail relay, which sends again what was lost, or says what else it is; then contrail verify",
		}}, nil
	}
	if info.State.Msgs == 0 {
		return good(with, "stream %s is empty", d.config.Stream), nil
	}
	if d.relayedFence(ctx) == publisher.MsgID {
		return good(with, "stream %s is shared on purpose (--fence msg-id)", d.config.Stream), nil
	}
	return d.lastMessage(ctx, sequence, owner{store, last, with})
}

// owner is the store, as far as a message of the stream must agree with it.
type owner struct {
	store uuid.UUID
	last  int64 // position
	with  values
}

// lastMessage is about the stream's last one: who has written it, and whether the store has it.
func (d *Doctor) lastMessage(ctx context.Context, sequence uint64, of owner) ([]Finding, error) {
	last, err := d.message(ctx, d.config.Stream, map[string]any{"seq": sequence})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return noted("not examined: the stream has just lost its last message, or got another one", "look again"), nil
	}
	if err != nil {
		return nil, err
	}
	header, err := last.header()
	if err != nil {
		return nil, fmt.Errorf("read message %d: %w", sequence, err)
	}
	position, ours := of.position(header, last.Data)
	switch {
	case !ours:
		return []Finding{{
			Severity: Danger, What: fmt.Sprintf("message %d of stream %s, on %s, is not of this store", sequence, d.config.Stream, last.Subject), Values: of.with,
			Why: "somebody else writes to the stream: the relay stops before it, since it could not keep its promises", Do: "find the writer (nats stream get " + d.config.Stream +
				fmt.Sprint(" ", sequence) + ") and stop it; then another stream, or remove this one and contrail rebuild; --fence msg-id if it is meant",
		}}, nil
	case position > of.last:
		return []Finding{{
			Severity: Danger, What: fmt.Sprintf("stream %s ends with the event at position %d, and the store has given none above %d", d.config.Stream, position, of.last),
			Why: "the database was set back to an earlier moment: the relay stops", Do: "restore a database that has it, or relay into a new stream (docs/operations.md, after a restore)",
			Values: of.with,
		}}, nil
	}
	return good(of.with, "stream %s ends with an event of this store", d.config.Stream), nil
}

// position is that of the event in a message; false: it is not of this store.
func (o owner) position(header nats.Header, payload []byte) (int64, bool) {
	message, err := wire.DecodeMessage(header, payload)
	return int64(message.Position), err == nil && wire.IsFrom(message.Source, o.store)
}
