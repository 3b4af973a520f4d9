package eventstore_test

import (
	"context"
	"database/sql"
	"fmt"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// exampleSQL is exampleStore for database/sql, with a table of the service's own.
func exampleSQL(ctx context.Context) (db *sql.DB, closeAll func()) {
	pool, closePool := exampleStore(ctx)
	db, err := sql.Open("pgx", pool.Config().ConnString()) // the driver of github.com/jackc/pgx/v5/stdlib; "postgres", that of lib/pq, does as well
	if err != nil {
		panic(err)
	}
	if _, err := db.ExecContext(ctx, `CREATE TABLE invoices (id bigint PRIMARY KEY, total text)`); err != nil {
		panic(err)
	}
	return db, func() { _ = db.Close(); closePool() }
}

func ExampleStore_AppendSQL() {
	ctx := context.Background()
	db, closeAll := exampleSQL(ctx)
	defer closeAll()
	store, err := eventstore.New(eventstore.Config{})
	if err != nil {
		panic(err)
	}

	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		panic(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `INSERT INTO invoices VALUES (42, '19.80')`); err != nil {
		panic(err)
	}
	recorded, err := store.AppendSQL(ctx, tx, contrail.NewStreamID("invoice", "42"), eventstore.NoStream,
		contrail.NewEvent(InvoiceDrafted{Total: "19.80"}), contrail.NewEvent(InvoiceIssued{}))
	if err != nil {
		panic(err)
	}
	fmt.Println("committed:", tx.Commit()) // the row and both events, or nothing
	for _, event := range recorded {
		fmt.Println(event.Position, event.Stream, event.Version, event.Type)
	}
	// Output:
	// committed: <nil>
	// 1 invoice-42 1 InvoiceDrafted
	// 2 invoice-42 2 InvoiceIssued
}

// GORM hands out its *sql.Tx. Where it prepares statements (gorm.Config.PrepareStmt), it is the Tx of the *gorm.PreparedStmtTX that
// stands there instead.
func ExampleStore_AppendSQL_gorm() {
	ctx := context.Background()
	pool, closeAll := exampleSQL(ctx)
	defer closeAll()
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}), &gorm.Config{})
	if err != nil {
		panic(err)
	}
	store, err := eventstore.New(eventstore.Config{})
	if err != nil {
		panic(err)
	}

	type invoice struct {
		ID    int64
		Total string
	}
	err = db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&invoice{ID: 42, Total: "19.80"}).Error; err != nil {
			return err
		}
		inner, ok := tx.Statement.ConnPool.(*sql.Tx)
		if !ok {
			return fmt.Errorf("a %T is no *sql.Tx", tx.Statement.ConnPool)
		}
		_, err := store.AppendSQL(ctx, inner, contrail.NewStreamID("invoice", "42"), eventstore.NoStream,
			contrail.NewEvent(InvoiceDrafted{Total: "19.80"}))
		return err
	})
	fmt.Println("committed:", err)

	var events int64
	db.WithContext(ctx).Table("contrail.events").Count(&events)
	fmt.Println("events:", events)
	// Output:
	// committed: <nil>
	// events: 1
}
