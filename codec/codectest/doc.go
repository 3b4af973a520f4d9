// Package codectest keeps an application's events readable for ever: it holds a codec against golden files, one of every form in which an
// event was ever shipped.
//
//	func TestEverythingEverShippedIsReadable(t *testing.T) {
//		if *update {
//			codectest.Write(t, events, "testdata/events", examples()...)
//		}
//		codectest.Golden(t, events, "testdata/events")
//	}
//
// A folder holds, for each type and schema,
//
//   - InvoiceIssued.v2.json: the data of one event as they were stored.
//   - InvoiceIssued.v2.metadata.json: its metadata, a flat object of strings, for types that keep facts there. The schema version need not be
//     among them.
//   - InvoiceIssued.v2.upcast.json, for a schema that is not written any more: what is made of it today. When today's form changes this
//     one changes with it: remove it, let Write make it anew, and look at the difference.
//
// The first two are history, and stay as they are.
package codectest
