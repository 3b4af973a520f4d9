package subscribers_test

import (
	"os"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// conformingFeatures are what the pair of an outbox and subscribers promises. CONTRAIL_LONG=1 runs the suite at its full size.
func conformingFeatures() tests.Features {
	return tests.Features{
		ConsumerGroups:                      true, // the durables
		ExactlyOnceDelivery:                 false,
		GuaranteedOrder:                     true,
		GuaranteedOrderWithSingleSubscriber: true, // processes that share a durable keep no order between them
		Persistent:                          true,
		NewSubscriberReceivesOldMessages:    false, // in a group; see below
		ForceShort:                          os.Getenv("CONTRAIL_LONG") == "",
	}
}

// pair makes publishers and subscribers of one outbox.
type pair struct {
	outbox *outbox
	inbox  *subscribers.Inbox
}

func (p pair) inGroup(t *testing.T, group string) (message.Publisher, message.Subscriber) {
	t.Helper()
	subscriber, err := subscribers.NewSubscriber(p.outbox.js, subscribers.Config{
		Durable: group, Inbox: p.inbox, MaxDeliver: 1000, Backoff: subscribers.Backoff{Min: time.Millisecond, Max: 10 * time.Millisecond},
		DrainTimeout: time.Second, // the suite takes messages that it never answers
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, subscriber.Close()) }) // the suite leaves some open
	return p.outbox, subscriber
}

func (p pair) inOneGroup(t *testing.T) (message.Publisher, message.Subscriber) {
	t.Helper()
	return p.inGroup(t, "test")
}

func (p pair) inNewGroup(t *testing.T) (message.Publisher, message.Subscriber) {
	t.Helper()
	return p.inGroup(t, "test_"+tests.NewTestID().String())
}

// Watermill's own suite of what every publisher and subscriber should do.
func TestWatermillConformance(t *testing.T) {
	t.Parallel()
	for name, setUp := range map[string]func(*testing.T) pair{
		"structured": func(t *testing.T) pair { t.Helper(); return newPair(t, wire.Structured) },
		"binary":     func(t *testing.T) pair { t.Helper(); return newPair(t, wire.Binary) },
		"inbox": func(t *testing.T) pair {
			t.Helper()
			made := newPair(t, wire.Structured)
			made.inbox = subscribers.NewInbox(pgtest.New(t))
			return made
		},
		"inbox of database/sql": func(t *testing.T) pair {
			t.Helper()
			made := newPair(t, wire.Structured)
			db := stdlib.OpenDBFromPool(pgtest.New(t))
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			made.inbox = subscribers.NewInboxSQL(db)
			return made
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made := setUp(t)
			tests.TestPubSub(t, conformingFeatures(), made.inOneGroup, made.inGroup)
		})
	}
}

func newPair(t *testing.T, format wire.Format) pair {
	t.Helper()
	js, _ := natstest.JetStream(t)
	return pair{outbox: newOutbox(t, js, format)}
}

// The suite's constructor makes subscribers of one group, of which only the first is told what was before: a new group is told all.
func TestWatermillConformanceOfNewGroups(t *testing.T) {
	t.Parallel()
	made := newPair(t, wire.Structured)
	suite := tests.TestContext{TestID: tests.NewTestID(), Features: conformingFeatures()}
	suite.Features.NewSubscriberReceivesOldMessages = true
	tests.TestNewSubscriberReceivesOldMessages(t, suite, made.inNewGroup)
}
