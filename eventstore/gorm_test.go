package eventstore_test

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// order is a row of the service's own, kept by GORM.
type order struct {
	ID    int64
	Total string
}

func openGORM(tb testing.TB, config gorm.Config) *gorm.DB {
	tb.Helper()
	pool, err := sql.Open("pgx", pgtest.NewURL(tb))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, pool.Close()) })
	config.Logger = logger.Discard
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}), &config)
	require.NoError(tb, err)
	require.NoError(tb, db.WithContext(tb.Context()).Exec(`CREATE TABLE orders (id bigint PRIMARY KEY, total text NOT NULL)`).Error)
	return db.WithContext(tb.Context())
}

// sqlTx is the *sql.Tx behind a transaction of GORM, which wraps it where it prepares statements.
func sqlTx(tb testing.TB, tx *gorm.DB) *sql.Tx {
	tb.Helper()
	if prepared, ok := tx.Statement.ConnPool.(*gorm.PreparedStmtTX); ok {
		inner, ok := prepared.Tx.(*sql.Tx)
		require.True(tb, ok, "%T", prepared.Tx)
		return inner
	}
	inner, ok := tx.Statement.ConnPool.(*sql.Tx)
	require.True(tb, ok, "%T", tx.Statement.ConnPool)
	return inner
}

// counts returns how many rows and how many events there are.
func counts(tb testing.TB, db *gorm.DB) (rows, events int64) {
	tb.Helper()
	require.NoError(tb, db.Model(&order{}).Count(&rows).Error)
	require.NoError(tb, db.Table("contrail.events").Count(&events).Error)
	return rows, events
}

// An event and the service's own row commit together or not at all, in whichever way GORM was configured.
func TestAppendInAGORMTransaction(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]gorm.Config{"as it comes": {}, "with prepared statements": {PrepareStmt: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, store := openGORM(t, config), newStore(t)
			place := func(id int64, then error) error {
				return db.Transaction(func(tx *gorm.DB) error {
					if err := tx.Create(&order{ID: id, Total: "19.80"}).Error; err != nil {
						return err
					}
					recorded, err := store.AppendSQL(tx.Statement.Context, sqlTx(t, tx), invoice42, eventstore.Exactly(id-1), happened("OrderPlaced"))
					if err != nil {
						return err
					}
					require.Equal(t, id, recorded[0].Version)
					return then
				})
			}

			require.NoError(t, place(1, nil))
			rows, events := counts(t, db)
			require.Equal(t, [2]int64{1, 1}, [2]int64{rows, events}, "committed")

			require.ErrorIs(t, place(2, errChangedMind), errChangedMind)
			require.ErrorIs(t, place(3, nil), contrail.ErrConflict)
			require.Error(t, place(1, nil), "the row is there already")
			rows, events = counts(t, db)
			require.Equal(t, [2]int64{1, 1}, [2]int64{rows, events}, "rolled back: by the caller, for the conflict, for the row")
		})
	}
}

// A nested transaction of GORM is a savepoint: what it rolls back takes its events along, and leaves those of the transaction around it.
func TestAppendInANestedGORMTransaction(t *testing.T) {
	t.Parallel()
	db, store := openGORM(t, gorm.Config{}), newStore(t)
	err := db.Transaction(func(outer *gorm.DB) error {
		require.NoError(t, outer.Create(&order{ID: 1, Total: "1"}).Error)
		_, err := store.AppendSQL(t.Context(), sqlTx(t, outer), invoice42, eventstore.NoStream, happened("Kept"))
		require.NoError(t, err)
		err = outer.Transaction(func(inner *gorm.DB) error {
			require.NoError(t, inner.Create(&order{ID: 2, Total: "2"}).Error)
			_, err := store.AppendSQL(t.Context(), sqlTx(t, inner), invoice42, eventstore.Exactly(1), happened("Dropped"))
			return errors.Join(err, errChangedMind)
		})
		require.ErrorIs(t, err, errChangedMind)
		_, err = store.AppendSQL(t.Context(), sqlTx(t, outer), invoice42, eventstore.Exactly(1), happened("KeptToo"))
		return err
	})
	require.NoError(t, err)
	rows, events := counts(t, db)
	require.Equal(t, [2]int64{1, 2}, [2]int64{rows, events})
}
