// Package codec turns recorded events into Go types and back, those of former years too.
//
// A [Codec] is an explicit registry: the Go type of every event as it is written today, and an upcaster for every shape that it once had.
//
//	events, err := codec.New(
//		codec.Type[Drafted](),                // InvoiceDrafted, schema 1
//		codec.Type[Issued](codec.Schema(3)),  // InvoiceIssued, written as schema 3
//		codec.Upcast("InvoiceIssued", 1, codec.Fill("currency_code", "EUR")),      // 1 → 2
//		codec.Upcast("InvoiceIssued", 2, codec.Convert(func(old issuedV2) (Issued, error) { … })), // 2 → 3
//		codec.Upcast("InvoiceApproved", 1, codec.Rename("InvoiceIssued", 1)),      // its former name
//		codec.Upcast("InvoiceDraftedAndIssued", 1, codec.Split(                    // one became two
//			codec.Into("InvoiceDrafted", 1, func(old draftedAndIssued) (Drafted, error) { … }),
//			codec.Into("InvoiceIssued", 2, func(old draftedAndIssued) (issuedV2, error) { … }),
//		)),
//	)
//	event, err := events.Encode(Issued{…})                           // what is to be appended
//	payloads, err := codec.DecodeAs[invoice.Event](events, recorded) // what was
//
// # Schema versions
//
// An event says in its metadata, under [contrail.KeySchemaVersion], which schema its data has; one that does not say has schema 1.
// Encode writes the number when it is above 1. What is stored is never rewritten: an upcaster turns one schema into the next while the
// event is read, the next one goes on from there, and so on up to today's. [New] refuses a registry in which a chain has a hole, runs in a
// circle or leads nowhere, so a recorded event is either read in today's form or refused with an error that says why.
//
// # Adding a schema
//
//  1. Keep a golden file of the schema that is written until now: package codectest does.
//  2. Change the Go type, and raise its [Schema].
//  3. Add the [Upcast] from the former schema. An upcaster that converts into a Go type wants a frozen copy of that type once the type
//     changes again; New says so.
//  4. Upgrade the readers before the writers: an older program refuses the new schema with a [*NewerSchemaError].
//
// # Personal data
//
// An event whose data was erased has no data to upcast. It goes through the chain by name only, and is decoded as the zero value of what it is
// called today, so that an aggregate can go on. One whose data is encrypted, with no key at hand, is [ErrSealed].
package codec
