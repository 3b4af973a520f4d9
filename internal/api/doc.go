// Package api is the worked example as a service: the commands and queries of package domain, and the read models, over HTTP. It speaks Accountify's
// routes and bodies, and what a service needs beside them: problems (RFC 9457), entity tags, idempotency keys, limits, trace context, health.
//
//	POST   /accountify/{organisation,contact,invoice}        create, draft
//	GET    /accountify/{organisation,contact,invoice}        list
//	GET    /accountify/{organisation,contact,invoice}/{id}   find, as it is or was
//	PUT    …/{id}                                            update
//	DELETE …/{id}                                            delete
//	PATCH  /accountify/invoice/{id}/{issue,paid,void}        and approve, pay: other words for issue and paid
//	GET    …/{id}/events                                     history
//	GET    /accountify/organisation/{id}/{summary,statement} read models
//	GET    /accountify/invoice/overdue                       likewise
//	GET    /openapi.json, /openapi.yaml, /docs               the description, for programs and for people
//	GET    /healthz, /readyz                                 for whoever watches over the process
//
// [New] makes the handler, which knows neither PostgreSQL nor NATS; [Server] runs it. Who calls is taken from header fields as it stands:
// authentication is for what stands in front of the service.
package api
