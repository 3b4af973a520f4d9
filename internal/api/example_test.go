package api_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/api"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/localstack"
)

// examplePool is a migrated database on a server of its own.
func examplePool(ctx context.Context) (pool *pgxpool.Pool, closeAll func()) {
	server, err := localstack.StartPostgres(ctx, localstack.PostgresConfig{})
	if err != nil {
		panic(err)
	}
	if pool, err = pgxpool.New(ctx, server.URL()); err != nil {
		panic(err)
	}
	if _, err := eventstore.Migrate(ctx, pool); err != nil {
		panic(err)
	}
	if _, err := invoicing.Migrate(ctx, pool); err != nil {
		panic(err)
	}
	return pool, func() { pool.Close(); _ = server.Close() }
}

func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	pool, closeAll := examplePool(ctx)
	defer closeAll()
	transactor, err := invoicing.NewTransactor(pool, invoicing.TransactorConfig{})
	if err != nil {
		panic(err)
	}
	services, err := invoicing.NewServices(transactor, time.Now, domain.Config{})
	if err != nil {
		panic(err)
	}
	handler, err := api.New(api.Config{
		Services: services, Reader: invoicing.NewReader(pool, invoicing.ReaderConfig{}),
		Ready: invoicing.Ready(pool), Unavailable: invoicing.Unavailable,
	})
	if err != nil {
		panic(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- api.NewServer(handler, api.ServerConfig{}).Run(ctx, listener) }()

	for _, name := range []string{"Acme", ""} {
		body := strings.NewReader(fmt.Sprintf(`{"name":%q}`, name))
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+listener.Addr().String()+"/accountify/organisation", body)
		if err != nil {
			panic(err)
		}
		request.Header.Set("X-Tenant-Id", "t1")
		request.Close = true
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			panic(err)
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		fmt.Println(response.Status, response.Header.Get("ETag"), strings.Contains(string(text), "OrganisationCreated"), strings.Contains(string(text), "text.blank"))
	}
	stop() // as a signal does
	fmt.Println(<-ended)
	// Output:
	// 201 Created "1" true false
	// 422 Unprocessable Entity  false true
	// <nil>
}
