import java.nio.charset.StandardCharsets;
import java.io.PrintStream;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Reads a topic with Apache's own Kafka and Avro, given nothing but the addresses, and writes every record again.
 * Prints one line per record: its key, its type's header, the full name of its schema, the event id, the body as Java writes it in hex.
 */
public final class ReadAll {
  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Map<Integer, Schema> SCHEMAS = new HashMap<>();

  private static Schema schemaOf(String registry, int id) throws Exception {
    Schema known = SCHEMAS.get(id);
    if (known != null) return known;
    HttpRequest request = HttpRequest.newBuilder(URI.create(registry + "/schemas/ids/" + id)).build();
    String body = HTTP.send(request, HttpResponse.BodyHandlers.ofString()).body();
    // A parser of its own: names repeat from schema to schema.
    Schema schema = new Schema.Parser().setValidateDefaults(true).parse(JSON.readTree(body).get("schema").asText());
    SCHEMAS.put(id, schema);
    return schema;
  }

  private static String line(String registry, ConsumerRecord<String, byte[]> record) throws Exception {
    ByteBuffer bytes = ByteBuffer.wrap(record.value());
    if (bytes.get() != 0) throw new IllegalStateException("magic byte of " + record.key());
    Schema schema = schemaOf(registry, bytes.getInt());
    BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(record.value(), 5, record.value().length - 5, null);
    GenericRecord value = new GenericDatumReader<GenericRecord>(schema).read(null, decoder);
    if (!decoder.isEnd()) throw new IllegalStateException("bytes left over after " + record.key());
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(out, null);
    new GenericDatumWriter<GenericRecord>(schema).write(value, encoder);
    encoder.flush();
    // Typed data has no envelope.
    String eventId = schema.getField("envelope") == null ? "" : ((GenericRecord) value.get("envelope")).get("eventId").toString();
    String type = new String(record.headers().lastHeader("event-type").value(), StandardCharsets.UTF_8);
    return record.key() + "\t" + type + "\t" + schema.getFullName() + "\t" + eventId + "\t" + java.util.HexFormat.of().formatHex(out.toByteArray());
  }

  public static void main(String[] args) throws Exception {
    // Not the platform's charset: what is read is compared byte for byte.
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    Properties settings = new Properties();
    settings.put("bootstrap.servers", args[0]);
    settings.put("auto.offset.reset", "earliest");
    settings.put("isolation.level", "read_committed");
    int left = Integer.parseInt(args[3]);
    try (KafkaConsumer<String, byte[]> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer())) {
      TopicPartition partition = new TopicPartition(args[2], 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long deadlineNs = System.nanoTime() + Duration.ofSeconds(60).toNanos();
      while (left > 0) {
        if (System.nanoTime() > deadlineNs) throw new IllegalStateException(left + " records did not come within 60 s");
        for (ConsumerRecord<String, byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
          out.println(line(args[1], record));
          left -= 1;
        }
      }
    }
  }
}
