package subscribers_test

import (
	"context"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/components/cqrs"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/wmsql"
	"github.com/contrail-events/contrail/subscribers"
)

var _ cqrs.CommandEventMarshaler = subscribers.CQRSMarshaler{}

// Shipped is an event as users of Watermill write theirs.
type Shipped struct {
	Order string `json:"order"`
}

type carrying struct{ drafted }

func (carrying) EventMetadata() contrail.Metadata { return contrail.Metadata{"tenant_id": "acme"} }

type personal struct{ Subject string }

func (personal) EventType() string { return "ContactAdded" }

func (p personal) DataSubject() string { return p.Subject }

func TestCQRSMarshaler(t *testing.T) {
	t.Parallel()
	var marshaler subscribers.CQRSMarshaler
	for name, event := range map[string]any{
		"Shipped": Shipped{}, "InvoiceDrafted": &drafted{}, "InvoiceIssued": issued{}, "ContactAdded": &personal{}, "string": new(string),
	} {
		require.Equal(t, name, marshaler.Name(event))
	}
	require.Equal(t, "Shipped", marshaler.Name(&Shipped{}))

	msg, err := marshaler.Marshal(carrying{drafted{N: 7}})
	require.NoError(t, err)
	require.JSONEq(t, `{"n":7}`, string(msg.Payload))
	require.Equal(t, message.Metadata{subscribers.KeyType: "InvoiceDrafted", "tenant_id": "acme"}, msg.Metadata)
	require.NoError(t, uuid.Validate(msg.UUID))
	require.Equal(t, "InvoiceDrafted", marshaler.NameFromMessage(msg))
	var back drafted
	require.NoError(t, marshaler.Unmarshal(msg, &back))
	require.Equal(t, drafted{N: 7}, back)

	_, err = marshaler.Marshal(&personal{Subject: "contact-42"})
	require.ErrorContains(t, err, "marshal a ContactAdded: it is about a person")
	_, err = marshaler.Marshal(personal{})
	require.NoError(t, err)
	_, err = marshaler.Marshal(make(chan int))
	require.ErrorContains(t, err, "marshal a chan int: ")
}

func TestCQRSMarshalerOfDataThatDoesNotFit(t *testing.T) {
	t.Parallel()
	msg := message.NewMessage("1", []byte(`{"n":"seven"}`))
	msg.Metadata.Set(subscribers.KeyType, "InvoiceDrafted")
	err := subscribers.CQRSMarshaler{}.Unmarshal(msg, &drafted{})
	require.ErrorContains(t, err, "decode the data of a InvoiceDrafted: ")
	require.True(t, contrail.IsPermanent(err))

	back := drafted{N: 7}
	require.NoError(t, subscribers.CQRSMarshaler{}.Unmarshal(message.NewMessage("1", []byte("null")), &back))
	require.Equal(t, 7, back.N)
}

// One marshaler for both ends: an event bus in a transaction, and a processor with a durable for each handler.
func TestCQRSFromBusToProcessor(t *testing.T) {
	t.Parallel()
	s := newService(t)
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	require.NoError(t, err)
	router.AddMiddleware(subscribers.Verdict)
	processor, err := cqrs.NewEventProcessorWithConfig(router, cqrs.EventProcessorConfig{
		Marshaler:              subscribers.CQRSMarshaler{},
		GenerateSubscribeTopic: func(cqrs.EventProcessorGenerateSubscribeTopicParams) (string, error) { return "order", nil },
		SubscriberConstructor: func(params cqrs.EventProcessorSubscriberConstructorParams) (message.Subscriber, error) {
			return subscribers.NewSubscriber(s.js, subscribers.Config{Durable: params.HandlerName, Types: []string{params.EventName}})
		},
	})
	require.NoError(t, err)
	handled := make(chan any, 9)
	require.NoError(t, processor.AddHandlers(
		cqrs.NewEventHandler("shipper", func(_ context.Context, event *Shipped) error { handled <- *event; return nil }),
		cqrs.NewEventHandler("auditor", func(_ context.Context, event *drafted) error { handled <- *event; return nil }),
	))
	runRouter(t, router)

	tx, err := s.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	bus, err := cqrs.NewEventBusWithConfig(s.publisher(t, sql.ContextExecutor(tx)), cqrs.EventBusConfig{
		Marshaler:            subscribers.CQRSMarshaler{},
		GeneratePublishTopic: func(cqrs.GenerateEventPublishTopicParams) (string, error) { return "order", nil },
		OnPublish: func(params cqrs.OnEventSendParams) error {
			params.Message.Metadata.Set(wmsql.KeyStream, "order-42")
			return nil
		},
	})
	require.NoError(t, err)
	require.NoError(t, bus.Publish(t.Context(), &Shipped{Order: "42"}))
	require.NoError(t, bus.Publish(t.Context(), drafted{N: 7}))
	require.NoError(t, tx.Commit())
	require.ElementsMatch(t, []any{Shipped{Order: "42"}, drafted{N: 7}}, []any{receive(t, handled), receive(t, handled)})
}
