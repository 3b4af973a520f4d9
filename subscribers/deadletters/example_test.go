package deadletters_test

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/subscribers/deadletters"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// A subscription could not handle two events. A person looks at them, requeues one and discards the other.
func Example() {
	ctx := context.Background()
	js, closeAll := exampleLetters(ctx)
	defer closeAll()
	for letter, err := range deadletters.List(ctx, js, deadletters.Filter{Consumer: "summary"}) {
		fmt.Println(letter.ID, letter.Event.Stream, letter.Event.Type, letter.Reason, letter.Error, err)
	}
	ada := deadletters.Decision{By: "ada@ops", Because: "fixed in 1.2"}
	for outcome, err := range deadletters.Requeue(ctx, js, deadletters.At("DEADLETTERS", 1, 9), deadletters.Options{Decision: ada, Rate: 20}) {
		fmt.Println("letter", outcome.ID, outcome.Text, err)
	}
	ada.Because = "a test event"
	for outcome, err := range deadletters.Discard(ctx, js, deadletters.Matching(deadletters.Filter{Category: "order"}), ada) {
		fmt.Println("letter", outcome.ID, outcome.Text, err)
	}
	// Output:
	// 1 invoice-42 InvoiceIssued exhausted add to the total: division by zero <nil>
	// 2 order-7 OrderPlaced exhausted add to the total: division by zero <nil>
	// letter 1 is requeued to summary <nil>
	// letter 9 is no letter of DEADLETTERS, or not any more <nil>
	// letter 2 is discarded <nil>
}

// How many there are, by consumer and reason.
func ExampleCount() {
	ctx := context.Background()
	js, closeAll := exampleLetters(ctx)
	defer closeAll()
	for group, letters := range must(deadletters.Count(ctx, js, deadletters.Filter{})) {
		fmt.Println(group.Consumer, group.Reason, letters)
	}
	// Output:
	// summary exhausted 2
}

// A page of the newest, and how many there are of each kind, however many that is.
func ExampleBrowse() {
	ctx := context.Background()
	js, closeAll := exampleLetters(ctx)
	defer closeAll()
	page := must(deadletters.Browse(ctx, js, deadletters.Filter{Limit: 1}, deadletters.Look{Backwards: true}))
	fmt.Println(page.Letters[0].ID, page.More)
	page = must(deadletters.Browse(ctx, js, deadletters.Filter{Limit: 1, UpTo: page.From - 1}, deadletters.Look{Backwards: true}))
	fmt.Println(page.Letters[0].ID, page.More)
	fmt.Println(must(deadletters.Tally(ctx, js, "DEADLETTERS"))[deadletters.Kind{State: deadletters.Dead, Consumer: "summary", Category: "order", Type: "OrderPlaced"}])
	// Output:
	// 2 true
	// 1 false
	// 1
}

// What was requeued stays as a record, and says how far its consumer is with it.
func ExampleList_requeued() {
	ctx := context.Background()
	js, closeAll := exampleLetters(ctx)
	defer closeAll()
	for outcome, err := range deadletters.Requeue(ctx, js, deadletters.Matching(deadletters.Filter{Limit: 1}), deadletters.Options{}) {
		fmt.Println("letter", outcome.ID, outcome.Text, err)
		fmt.Println(outcome.Warning)
	}
	for letter, err := range deadletters.List(ctx, js, deadletters.Filter{States: []deadletters.State{deadletters.Requeued}}) {
		fmt.Println(letter.ID, letter.Event.Stream, letter.State, letter.Progress, "replay", letter.Replays, err)
	}
	// Output:
	// letter 1 is requeued to summary <nil>
	// no subscription summary listens on DEADLETTERS so far; it gets the event when it runs
	// 3 invoice-42 requeued orphaned replay 1 <nil>
}

// What failed more than 30 days ago goes for good.
func ExamplePurge() {
	ctx := context.Background()
	js, closeAll := exampleLetters(ctx)
	defer closeAll()
	fmt.Println(deadletters.Purge(ctx, js, deadletters.Filter{Until: morning().AddDate(0, 0, 30)}))
	// Output:
	// 2 <nil>
}

// exampleLetters is a stream with two dead letters. It starts a server: an example has no testing.TB.
func exampleLetters(ctx context.Context) (jetstream.JetStream, func()) {
	server := must(localstack.StartNATS(localstack.NATSConfig{}))
	conn := must(nats.Connect(server.URL()))
	js := must(jetstream.New(conn))
	must(js.CreateStream(ctx, jetstream.StreamConfig{Name: "DEADLETTERS", Subjects: []string{"deadletters.>"}}))
	for position, event := range []contrail.Recorded{
		{Stream: contrail.NewStreamID("invoice", "42"), Type: "InvoiceIssued"}, {Stream: contrail.NewStreamID("order", "7"), Type: "OrderPlaced"},
	} {
		event.Position, event.Version, event.ID, event.Data, event.RecordedAt = contrail.Position(position+1), 1, uuid.New(), []byte(`{}`), time.Now()
		must(js.PublishMsg(ctx, message(letterOf(event, "summary"))))
	}
	return js, func() {
		conn.Close()
		if err := server.Close(); err != nil {
			panic(err)
		}
	}
}
