package doctor

import "context"

// Check is one subject that is examined.
type Check struct {
	Name  string `json:"check"` // lower case, words joined by '-'
	About string `json:"about"` // what it looks for
	Needs Needs  `json:"needs"`
}

// Needs are the servers that a check asks.
type Needs struct {
	Database bool `json:"database"`
	Broker   bool `json:"broker"`
}

// Checks returns all checks, in the order of their findings: the database, the relays, the broker, the consumers.
func Checks() []Check {
	var checks []Check
	for _, one := range all() {
		checks = append(checks, one.Check)
	}
	return checks
}

// check is a Check and how it is made. An error says that it could not be made to its end.
type check struct {
	Check

	run func(ctx context.Context, d *Doctor) ([]Finding, error)
}

func all() []check {
	neither, database, broker, both := Needs{}, Needs{Database: true}, Needs{Broker: true}, Needs{Database: true, Broker: true}
	return []check{
		{Check{"database", "PostgreSQL can be reached, and is of a version that will do", neither}, checkDatabase},
		{Check{"standby", "it is the primary, which alone knows what is settled", database}, checkStandby},
		{Check{"durability", "what PostgreSQL commits outlives a crash; transactions are at READ COMMITTED", database}, checkDurability},
		{Check{"migrations", "the schema is that of this version", database}, checkMigrations},
		{Check{"schema", "tables, columns, constraints, indexes and functions are what the migrations made", database}, checkSchema},
		{Check{"triggers", "the triggers on the events are there and enabled", database}, checkTriggers},
		{Check{"sequence", "the sequence of positions caches none, and stands above every event", database}, checkSequence},
		{Check{"privileges", "this user may do all of what it may begin, and so may Contrail's roles", database}, checkPrivileges},
		{Check{"pooling", "no proxy that pools transactions lies before relays that need a session", database}, checkPooling},
		{Check{"connections", "PostgreSQL has connections left", database}, checkConnections},
		{Check{"appenders", "no transaction that has appended stays open", database}, checkAppenders},
		{Check{"timeouts", "who may append is not idle in a transaction for ever", database}, checkTimeouts},
		{Check{"vacuum", "dead rows are cleared away", database}, checkVacuum},
		{Check{"database-disk", "the size of the database, and replication slots that keep what nobody reads", database}, checkDatabaseDisk},
		{Check{"database-clock", "the clocks of the database and of this machine agree", database}, checkDatabaseClock},

		{Check{"relays", "a relay leads, is heard of and reaches the broker, and another one stands by", database}, checkRelays},
		{Check{"relay-settings", "the relays of the stream are of one version and one configuration", database}, checkRelaySettings},
		{Check{"lag", "no settled event waits long to be published", database}, checkLag},
		{Check{"paused", "the stream is not paused", database}, checkPaused},
		{Check{"parked", "no event is left out of the stream", database}, checkParked},
		{Check{"fence", "what keeps the stream exact", database}, checkFence},

		{Check{"broker", "NATS with JetStream can be reached, and is of a version that will do", neither}, checkBroker},
		{Check{"broker-permissions", "this user may do all of what a relay or a subscriber does, or none of it", broker}, checkBrokerPermissions},
		{Check{"ack-subjects", "acknowledgements are permitted in both forms of their subjects", broker}, checkAckSubjects},
		{Check{"broker-clock", "the clocks of the broker and of this machine agree", broker}, checkBrokerClock},
		{Check{"broker-disk", "JetStream has room left, and streams and consumers may still be made", broker}, checkBrokerDisk},
		{Check{"sync", "what the broker has acknowledged is on its disk", neither}, checkSync},
		{Check{"payload", "an event of the greatest size fits into a message", broker}, checkPayload},
		{Check{"stream", "the stream is there, and keeps what it is given as it is given", broker}, checkStream},
		{Check{"subjects", "the stream takes the relay's subjects, and no other stream does", broker}, checkSubjects},
		{Check{"storage", "the streams are stored in files", broker}, checkStorage},
		{Check{"replicas", "the streams have replicas, and these are there", broker}, checkReplicas},
		{Check{"retention", "no event goes before every consumer has it", broker}, checkRetention},
		{Check{"discard", "the stream refuses no event for being full", broker}, checkDiscard},
		{Check{"window", "the duplicate window is long enough for the relay's fence", both}, checkWindow},
		{Check{"writers", "the relay is the stream's only writer, and the stream is the one that this store wrote", both}, checkWriters},

		{Check{"acknowledgement", "consumers acknowledge each event", broker}, checkAcknowledgement},
		{Check{"max-deliver", "deliveries are bounded, and what is given up becomes a dead letter", broker}, checkMaxDeliver},
		{Check{"backoff", "no consumer has JetStream's BackOff, which does not go with delayed retries", broker}, checkBackOff},
		{Check{"advisories", "a stream takes what the broker says of events that it gives up", broker}, checkAdvisories},
		{Check{"idle-consumers", "somebody asks for each consumer's events", broker}, checkIdleConsumers},
		{Check{"consumer-lag", "no event waits long for a consumer", broker}, checkConsumerLag},
		{Check{"dead-letters", "no event waits as a dead letter, and dead letters are kept", broker}, checkDeadLetters},
		{Check{"inbox", "the inbox is folded", database}, checkInbox},
		{Check{"projections", "projections are not paused, and rebuilds have not failed", database}, checkProjections},
		{Check{"deliveries", "no delivery waits for a person", database}, checkDeliveries},
		{Check{"runs", "no run waits for a person, or has failed of late", database}, checkRuns},
		{Check{"webhooks", "endpoints are enabled, and answer", database}, checkWebhooks},
	}
}
