package jsonl_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/jsonl"
	"github.com/contrail-events/contrail/internal/localstack"
)

// exampleStore is a migrated database on a server of its own.
func exampleStore(ctx context.Context) (pool *pgxpool.Pool, closeAll func()) {
	server, err := localstack.StartPostgres(ctx, localstack.PostgresConfig{})
	if err != nil {
		panic(err)
	}
	pool, err = pgxpool.New(ctx, server.URL())
	if err != nil {
		panic(err)
	}
	if _, err := eventstore.Migrate(ctx, pool); err != nil {
		panic(err)
	}
	return pool, func() { pool.Close(); _ = server.Close() }
}

const exampleInput = `{"id":"01940000-0000-7000-8000-000000000001","stream":"invoice-42","version":1,"type":"InvoiceDrafted","data":{"total":"19.80"},"recorded_at":"2026-11-21T20:15:04.123456Z"}
{"id":"01940000-0000-7000-8000-000000000002","stream":"invoice-42","version":2,"type":"InvoiceIssued","data":{},"metadata":{"user_id":"ada"},"recorded_at":"2026-11-21T20:15:05Z"}
`

// All of a file, or nothing of it.
func ExampleImport() {
	ctx := context.Background()
	pool, closeAll := exampleStore(ctx)
	defer closeAll()

	result, err := jsonl.Import(ctx, pool, strings.NewReader(exampleInput), jsonl.Config{})
	fmt.Println(result.Events, err)

	_, err = jsonl.Import(ctx, pool, strings.NewReader(`{"stream":"invoice-43","type":"InvoiceDrafted","data":{}}
{"stream":"invoice-43","typ":"InvoiceIssued","data":{}}`), jsonl.Config{})
	if faulty, ok := errors.AsType[*jsonl.LineError](err); ok {
		fmt.Println(faulty.Line, err)
	}
	// Output:
	// 2 <nil>
	// 2 line 2: field "typ" is none of position, id, stream, version, type, data, metadata, recorded_at
}

// A large file, in steps: when it breaks off, the same call goes on behind what was committed.
func ExampleImport_resume() {
	ctx := context.Background()
	pool, closeAll := exampleStore(ctx)
	defer closeAll()

	config := jsonl.Config{Resume: true, Name: "invoices.jsonl"}
	result, err := jsonl.Import(ctx, pool, strings.NewReader(exampleInput+`{"stream":`), config)
	fmt.Println(result.Events, "events,", result.Lines, "lines:", err)

	result, err = jsonl.Import(ctx, pool, strings.NewReader(exampleInput+`{"stream":"invoice-42","type":"InvoicePaid","data":{}}`), config)
	fmt.Println(result.Events, "events,", result.Lines, "lines:", err)
	// Output:
	// 2 events, 2 lines: line 3: JSON "{\"stream\":" ends too early: expected a value; was it cut off?
	// 1 events, 3 lines: <nil>
}

func ExampleExport() {
	ctx := context.Background()
	pool, closeAll := exampleStore(ctx)
	defer closeAll()
	if _, err := jsonl.Import(ctx, pool, strings.NewReader(exampleInput), jsonl.Config{}); err != nil {
		panic(err)
	}
	store, err := eventstore.New(eventstore.Config{})
	if err != nil {
		panic(err)
	}

	n, err := jsonl.Export(ctx, os.Stdout, store.Read(ctx, pool, eventstore.Query{Category: "invoice"}), nil)
	fmt.Println(n, err)
	// Output:
	// {"position":1,"id":"01940000-0000-7000-8000-000000000001","stream":"invoice-42","version":1,"type":"InvoiceDrafted","data":{"total": "19.80"},"metadata":{},"recorded_at":"2026-11-21T20:15:04.123456Z"}
	// {"position":2,"id":"01940000-0000-7000-8000-000000000002","stream":"invoice-42","version":2,"type":"InvoiceIssued","data":{},"metadata":{"user_id":"ada"},"recorded_at":"2026-11-21T20:15:05Z"}
	// 2 <nil>
}

func ExampleLines() {
	for event, err := range jsonl.Lines(strings.NewReader(exampleInput), 0) {
		if err != nil {
			panic(err)
		}
		fmt.Println(event.Stream, event.Version, event.Type, string(event.Data))
	}
	// Output:
	// invoice-42 1 InvoiceDrafted {"total":"19.80"}
	// invoice-42 2 InvoiceIssued {}
}
