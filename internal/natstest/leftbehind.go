package natstest

import "go.uber.org/goleak"

// LeftBehind are the goroutines that a nats-server leaves running for a while when it has been stopped, for goleak.VerifyTestMain: they are the
// server's own, and no fault of what the tests are about.
func LeftBehind() []goleak.Option {
	const server = "github.com/nats-io/nats-server/v2/server"
	return []goleak.Option{
		// A stream that is deleted while the server stops.
		goleak.IgnoreAnyFunction(server + ".(*fileStore).flushStreamStateLoop"),
		goleak.IgnoreAnyFunction(server + "/ats.Register.func1"),
		// A stream that sources another one asks for a consumer, and waits half a minute for an answer.
		goleak.IgnoreAnyFunction(server + ".(*stream).trySetupSourceConsumer.func3"),
	}
}
