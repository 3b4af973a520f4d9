package subscribers

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// Verdict is a middleware that lets the handlers of a Watermill router speak to a [Subscriber] as those of a [Subscription] do, through the error
// that they return: [contrail.Permanent] makes a dead letter at once, [contrail.RetryAfter] says when to try again, [contrail.Skip] acknowledges,
// and whatever it is stands in the dead letter in the end. A panic becomes an error with its stack. Without this middleware there is only Ack and
// Nack, and an event has to fail MaxDeliver times.
//
//	router.AddMiddleware(subscribers.Verdict, middleware.Retry{…}.Middleware, …)
//
// Add it first: what it is told is what comes out of the others. Messages of other subscribers pass unchanged.
func Verdict(handle message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) (produced []*message.Message, err error) {
		h := handoverFrom(msg.Context())
		if h == nil {
			return handle(msg)
		}
		err = protect(func() (failed error) {
			produced, failed = handle(msg)
			return failed
		})
		h.report(err)
		if _, skipped := contrail.SkipReason(err); skipped {
			err = nil
		}
		return produced, err
	}
}

// DeliveredMessage returns the event that a message of a [Subscriber] is, and how it was delivered. False: the message comes from elsewhere, or
// its context was replaced.
func DeliveredMessage(msg *message.Message) (event contrail.Delivered[json.RawMessage], ok bool) {
	h := handoverFrom(msg.Context())
	if h == nil {
		return event, false
	}
	return h.event, true
}

// TxFromContext returns the transaction that a message of a [Subscriber] is handled in, given the message's context. The handler neither commits
// nor rolls it back, and uses it no more once the message is answered. False: there is none; it takes a Config.Inbox made by [NewInbox].
func TxFromContext(ctx context.Context) (pgx.Tx, bool) {
	h := handoverFrom(ctx)
	if h == nil || h.tx == nil {
		return nil, false
	}
	tx := h.tx.asPgx()
	return tx, tx != nil
}

// SQLTxFromContext is [TxFromContext] for database/sql. It takes a Config.Inbox made by [NewInboxSQL].
func SQLTxFromContext(ctx context.Context) (*sql.Tx, bool) {
	h := handoverFrom(ctx)
	if h == nil || h.tx == nil {
		return nil, false
	}
	tx := h.tx.asSQL()
	return tx, tx != nil
}
