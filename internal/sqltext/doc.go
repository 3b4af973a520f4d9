// Package sqltext puts statements together whose conditions depend on what is asked for.
package sqltext
