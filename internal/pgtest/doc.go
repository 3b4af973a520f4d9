// Package pgtest gives each test a PostgreSQL database of its own. One cluster serves a whole test binary: it is started when the first
// test asks for it, and the migrations run once, into a template from which the databases are copied.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	func TestAppend(t *testing.T) {
//		t.Parallel()
//		pool := pgtest.New(t)
//		…
//	}
//
// The cluster does not wait for its disk, unless CONTRAIL_DURABLE is set: for benchmarks whose figures are to count.
//
// Where DATABASE_URL is set, its server is used instead, and the databases are created there. Where no server can be had the test
// fails; it is never skipped.
package pgtest
