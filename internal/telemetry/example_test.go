package telemetry_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/contrail-events/contrail/internal/telemetry"
)

// A process serves /metrics, /healthz and /readyz, and registers what there is to ask.
func ExampleStart() {
	ctx := context.Background()
	told, err := telemetry.Start(ctx, telemetry.Config{Service: "contrail-relay", Listen: "127.0.0.1:0"})
	if err != nil {
		panic(err)
	}
	told.Health().Alive("relay EVENTS progress", func(context.Context) (string, error) { return "no loop hangs", nil })
	told.Health().Ready("nats", func(context.Context) (string, error) { return "", errors.New("nats: disconnected") })
	told.Health().Begin()

	report, err := telemetry.Ask(ctx, telemetry.Question{URL: told.Addr().String()})
	if err != nil {
		panic(err)
	}
	fmt.Println(report.Status)
	for _, check := range report.Checks {
		fmt.Printf("%s: %s, %t\n", check.Name, check.What, check.OK)
	}
	fmt.Println(told.Shutdown(ctx))
	// Output:
	// failing
	// process: running, true
	// relay EVENTS progress: no loop hangs, true
	// nats: nats: disconnected, false
	// <nil>
}
