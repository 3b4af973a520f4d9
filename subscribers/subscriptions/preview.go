package subscriptions

import (
	"context"
	"fmt"
	"math/bits"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// Querier asks the inbox's database: a pool, a connection or a transaction of pgx.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Preview is what a reset would do, as things stand.
type Preview struct {
	Sequence uint64            `json:"sequence"` // that the subscription would go on with, in the JetStream stream
	Position contrail.Position `json:"position"` // of the first event there; zero: the stream has none yet
	Again    uint64            `json:"again"`    // messages that were delivered, and would be once more: so many at most, where the subscription filters
	Passed   uint64            `json:"passed"`   // messages that were not delivered yet, and never would be; likewise
	Known    int64             `json:"known"`    // events from there on that the inbox knows: they take effect again only if the reset forgets them
	More     bool              `json:"more"`     // Known was not counted to its end
}

const (
	knownRows  = 10_000 // rows of the inbox that are counted
	knownPages = 200    // folded pages, of 65,536 positions each, that are read
	pageBits   = 16     // position >> pageBits is the page
)

// Both walk the primary key from the position on, as far as the limit.
const (
	knownRowsSQL  = `SELECT position FROM contrail.inbox WHERE consumer = $1 AND position >= $2 ORDER BY position LIMIT $3`
	knownPagesSQL = `SELECT page, bits FROM contrail.inbox_pages WHERE consumer = $1 AND page >= $2 ORDER BY page LIMIT $3`
)

// PreviewReset tells what [Reset] would do, and does nothing. db is the inbox's database; nil: Known is not counted. What it costs is bounded. The
// errors are those of Reset.
func PreviewReset(ctx context.Context, js jetstream.JetStream, db Querier, name Name, start subscribers.Start) (Preview, error) {
	name = name.orDefaults()
	now, err := Get(ctx, js, name)
	if err != nil {
		return Preview{}, err
	}
	var preview Preview
	subject := widest(now.Filters)
	if preview.Sequence, err = start.Sequence(ctx, js, name.Stream, subject); err != nil {
		return preview, err
	}
	if preview.Position, err = firstPosition(ctx, js, name.Stream, subject, preview.Sequence); err != nil {
		return preview, err
	}
	if next := now.Delivered.Sequence + 1; preview.Sequence < next {
		preview.Again = next - preview.Sequence
	} else {
		preview.Passed = preview.Sequence - next
	}
	if db != nil && preview.Position > 0 {
		err = preview.countKnown(ctx, db, name.inbox())
	}
	return preview, err
}

// countKnown counts what the inbox has from the position on, in rows and in bits.
func (p *Preview) countKnown(ctx context.Context, db Querier, consumer string) error {
	rows, err := collect(ctx, db, pgx.RowTo[int64], knownRowsSQL, consumer, int64(p.Position), knownRows+1)
	if err != nil {
		return fmt.Errorf("count what the inbox of %s knows: %w", consumer, err)
	}
	pages, err := collect(ctx, db, pgx.RowToStructByPos[inboxPage], knownPagesSQL, consumer, int64(p.Position)>>pageBits, knownPages+1)
	if err != nil {
		return fmt.Errorf("count what the inbox of %s knows: %w", consumer, err)
	}
	p.Known, p.More = int64(len(rows)), len(rows) > knownRows || len(pages) > knownPages
	for _, page := range pages {
		p.Known += setFrom(page.Bits, max(0, int64(p.Position)-page.Page<<pageBits))
	}
	return nil
}

// inboxPage is a row of knownPagesSQL.
type inboxPage struct {
	Page int64
	Bits []byte
}

func collect[T any](ctx context.Context, db Querier, scan pgx.RowToFunc[T], query string, args ...any) ([]T, error) {
	rows, err := db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan) //nolint:wrapcheck // countKnown wraps it
}

// setFrom counts the bits from one on that are set, in the order of PostgreSQL's set_bit.
func setFrom(field []byte, first int64) int64 {
	const inByte = 8
	count := int64(0)
	for i := first / inByte; i < int64(len(field)); i++ {
		b := field[i]
		if i == first/inByte {
			b &= 0xFF << (first % inByte)
		}
		count += int64(bits.OnesCount8(b))
	}
	return count
}
