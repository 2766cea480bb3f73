<?php
// What an application does with the generated client: creates, reads, searches, and is told what is wrong.
// The first argument is the folder of the generated client; Guzzle is Debian's.

declare(strict_types=1);

use Coffre\Api\GrantsApi;
use Coffre\Api\RecordsApi;
use Coffre\ApiException;
use Coffre\Configuration;
use Coffre\Model\GrantTerms;
use Coffre\Model\Search;

require '/usr/share/php/GuzzleHttp/autoload.php';
spl_autoload_register(function (string $class) use ($argv): void {
    if (str_starts_with($class, 'Coffre\\')) {
        require $argv[1] . '/lib/' . str_replace('\\', '/', substr($class, 7)) . '.php';
    }
});
set_error_handler(function (int $level, string $text, string $file, int $line): bool {
    // What Debian's older Guzzle or the generator does that PHP has since deprecated is not about the API.
    if ($level === E_DEPRECATED) {
        return true;
    }
    throw new ErrorException($text, 0, $level, $file, $line);
});

function require_that(bool $holds, string $what): void
{
    if (!$holds) {
        throw new RuntimeException("does not hold: $what");
    }
}

function configuration(string $token): Configuration
{
    return (new Configuration())->setHost(getenv('COFFRE_URL'))->setAccessToken(getenv($token));
}

/** The problem by which a call is refused. */
function problem(callable $call, int $status, string $name): object
{
    try {
        $call();
    } catch (ApiException $refused) {
        $problem = json_decode((string) $refused->getResponseBody());
        require_that($refused->getCode() === $status, "$status, not {$refused->getCode()}: {$refused->getResponseBody()}");
        require_that($problem->type === "urn:coffre:problem:$name", "$name, not {$problem->type}");
        return $problem;
    }
    throw new RuntimeException("was not refused: $name");
}

$guzzle = new GuzzleHttp\Client();
$legal = new RecordsApi($guzzle, configuration('COFFRE_LEGAL'));
$sales = new RecordsApi($guzzle, configuration('COFFRE_SALES'));
[$purpose, $operator] = ['contract-administration', 'a.martin'];

$values = ['contact' => ['family_name' => 'Lefèvre', 'given_name' => 'Anne', 'email' => 'anne.lefevre@example.fr']];
$key = bin2hex(random_bytes(16));
$create = fn () => $legal->createRecordWithHttpInfo('policyholder', $purpose, $values, null, $key, $operator);
[$written, $status, $headers] = $create();
require_that($status === 201 && $written->getVersion() === 1, 'a new record');
[$again, , $headers] = $create();
require_that($again->getId() === $written->getId(), 'the same record');
$headers = array_change_key_case($headers);
require_that(($headers['idempotency-replayed'] ?? []) === ['true'], 'the same answer');

$id = $written->getId();
$record = $legal->readRecord('policyholder', $id, ['contact.email', 'contact.phone'], $purpose, null, null, $operator);
require_that(((array) $record->getFields())['contact.email'] === 'anne.lefevre@example.fr', 'the value that was written');

$search = new Search(['index' => 'contact.family_name', 'value' => 'LEFEVRE', 'fields' => ['contact.email'], 'purpose' => $purpose]);
$found = $legal->searchRecords('policyholder', $search, $operator);
require_that($found->getHits()[0]->getId() === $id, 'found by name');

$terms = new GrantTerms([
    'role' => 'sales', 'purpose' => 'direct-marketing', 'fields' => ['contact.email'], 'basis' => 'consent',
]);
$grant = (new GrantsApi($guzzle, configuration('COFFRE_LEGAL')))->giveGrant('policyholder', $id, $terms, null, null, $operator);
require_that($grant->getVersion() === 1, 'a grant');
$seen = $sales->readRecord('policyholder', $id, ['contact.email', 'contact.phone'], 'direct-marketing', null, null, $operator);
require_that(((array) $seen->getWithheld())['contact.phone'] === 'not-in-grant', 'what the grant does not open is withheld');

$wrong = ['contact' => ['family_name' => 'Moreau', 'birth_date' => 'yesterday']];
$refused = problem(fn () => $legal->createRecord('policyholder', $purpose, $wrong, null, null, $operator), 422, 'invalid-values');
require_that(str_contains(json_encode($refused->faults), 'contact.birth_date'), 'the field that is wrong is named');
$read = fn (string ...$fields) => $sales->readRecord('policyholder', $id, $fields, 'direct-marketing', null, null, $operator);
$denied = problem(fn () => $read('health.illnesses'), 403, 'denied');
require_that(is_int($denied->audit_entry), 'a refusal names its entry');

echo "clients: verified  PHP: create, repeat, read, search, grant, and two problems\n";
