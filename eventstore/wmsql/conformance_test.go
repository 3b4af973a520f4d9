package wmsql_test

import (
	"context"
	stdsql "database/sql"
	"os"
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"

	"github.com/contrail-events/contrail/eventstore/wmsql"
)

// features are what the pair of stock publisher and stock subscriber promises on contrail.events. CONTRAIL_LONG=1 runs the suite at its full size.
func features() tests.Features {
	return tests.Features{
		ConsumerGroups:      true,
		ExactlyOnceDelivery: true,
		GuaranteedOrder:     true,
		Persistent:          true,
		ForceShort:          os.Getenv("CONTRAIL_LONG") == "",
	}
}

// closedSubscriber waits for what the stock Close leaves to another goroutine, the closing of the channels: the suite looks for it at once.
type closedSubscriber struct {
	*sql.Subscriber

	mu       sync.Mutex
	channels []<-chan *message.Message
}

func (s *closedSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	messages, err := s.Subscriber.Subscribe(ctx, topic)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels = append(s.channels, messages)
	return messages, nil
}

func (s *closedSubscriber) Close() error {
	err := s.Subscriber.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, messages := range s.channels {
		for range messages { // nothing is sent any more
			continue
		}
	}
	return err
}

// pair makes publishers and subscribers. The suite's payloads are not all JSON.
type pair struct {
	db *stdsql.DB
}

func (p pair) inGroup(t *testing.T, group string) (message.Publisher, message.Subscriber) {
	t.Helper()
	cfg := wmsql.Config{AnyPayload: true}
	return newPublisher(t, p.db, cfg), &closedSubscriber{Subscriber: newSubscriber(t, p.db, group, cfg)}
}

func (p pair) inOneGroup(t *testing.T) (message.Publisher, message.Subscriber) {
	t.Helper()
	return p.inGroup(t, "test")
}

func (p pair) inNewGroup(t *testing.T) (message.Publisher, message.Subscriber) {
	t.Helper()
	return p.inGroup(t, watermill.NewUUID())
}

// Watermill's own suite of what every publisher and subscriber should do.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			made := pair{open(t, driver)}
			tests.TestPubSub(t, features(), made.inOneGroup, made.inGroup)
		})
	}
}

// The suite skips these two where delivery is exactly once, and the next where a group that begins late need not be told what was
// before it.
func TestConformanceWhereTheSuiteSkips(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			made := pair{open(t, driver)}
			suite := tests.TestContext{TestID: tests.NewTestID(), Features: features()}
			suite.Features.NewSubscriberReceivesOldMessages = true
			tests.TestNewSubscriberReceivesOldMessages(t, suite, made.inNewGroup)

			suite.Features.ExactlyOnceDelivery = false
			suite.TestID = tests.NewTestID()
			tests.TestContinueAfterSubscribeClose(t, suite, made.inOneGroup)
			suite.TestID = tests.NewTestID()
			tests.TestConcurrentClose(t, suite, made.inOneGroup)
		})
	}
}
