// Package dashboard serves the pages on which a person watches Contrail and acts: relays, events and their journeys, consumers, dead letters, deliveries,
// runs, health, and the log of what was done.
//
//	dashboard, err := dashboard.New(pool, js, dashboard.Config{Listen: "127.0.0.1:8088"})
//	…
//	err = dashboard.Serve(ctx, listener)
//
// A page is a value of the type page: it is read once for a request, and has three forms, HTML, JSON and live. An action is a value of the type action: a
// form that is posted, and written into the audit log before it is done and after. The engine gives each of them its address, its templates, and all that
// safety asks for: nobody who has no credential gets anything but the login page, and no viewer acts.
package dashboard
