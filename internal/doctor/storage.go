package doctor

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

func checkStorage(ctx context.Context, d *Doctor) ([]Finding, error) {
	streams, err := d.ourStreams(ctx)
	if err != nil {
		return nil, err
	}
	var found []Finding
	names := []string{}
	for _, info := range streams {
		config := info.Config
		names = append(names, config.Name)
		with := values{"stream": config.Name, "storage": config.Storage.String()}
		if config.Storage != jetstream.FileStorage {
			found = append(found, Finding{
				Severity: Danger, What: "stream " + config.Name + " is stored in memory", Why: "a restart of the server loses what is in it", Values: with,
				Do: "this can't be changed: make it anew with file storage; that of the events under another name (--stream, --prefix), or remove it and contrail rebuild",
			})
		}
		if config.PersistMode == jetstream.AsyncPersistMode {
			found = append(found, Finding{
				Severity: Danger, What: "stream " + config.Name + " is acknowledged before it is stored (PersistMode async)", Why: "a crash of the server loses what was acknowledged",
				Do: "this can't be changed: make it anew with the default mode", Values: with,
			})
		}
	}
	return orGood(found, values{"streams": names}, "the streams are stored in files"), nil
}
