// Package database is what the API has to know of PostgreSQL, kept apart from it: whether it can be used, and which errors mean that it can't.
package database
