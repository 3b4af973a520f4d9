package telemetry

import (
	"strings"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// view gives the library's histograms buckets that suit what they measure, whatever they would have themselves: one set for all times, so that they can be compared.
func view(of sdkmetric.Instrument) (sdkmetric.Stream, bool) {
	if !strings.HasPrefix(of.Name, "contrail.") || of.Kind != sdkmetric.InstrumentKindHistogram {
		return sdkmetric.Stream{}, false
	}
	return sdkmetric.Stream{
		Name: of.Name, Description: of.Description, Unit: of.Unit,
		Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: buckets(of.Unit)},
	}, true
}

// buckets are for times from 100 µs, an append beside the database, to 5 min, a handler's limit; and for numbers of events, up to the largest batch.
func buckets(unit string) []float64 {
	if unit == "s" {
		return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300}
	}
	return []float64{1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000}
}
