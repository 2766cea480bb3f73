//! The documented bytes: a manifest of each side, an inventory, the header of a segment. If one of
//! these changes, backups that exist cannot be read any more.

use super::*;

const MANIFEST: &str = include_str!("golden/manifest.note");
const MANIFEST_V1: &str = include_str!("golden/manifest-v1.note");
const KEYRING_MANIFEST: &str = include_str!("golden/keyring-manifest.note");
const INVENTORY: &str = include_str!("golden/inventory.txt");
const SEGMENT: &[u8] = include_bytes!("golden/segment-header");
const LOG_SEGMENT: &[u8] = include_bytes!("golden/log-segment-header");

fn segment() -> SegmentHeader {
    SegmentHeader {
        environment: scope().environment,
        vault: scope().vault,
        generation: generation(1),
        chain: Chain::Vault,
        position: ordinal(3),
        previous: ContentHash::of(b"the object before"),
        time: time(1),
        frames: Frames {
            first: 1,
            count: 2,
            page_size: 4096,
            page_count: 12,
            salt: (0xdead_beef, 0x0102_0304),
            order: ChecksumOrder::Little,
            checksum_before: WalChecksum(1, 2),
            checksum_after: WalChecksum(3, 4),
            sha256: ContentHash::of(b"frames"),
        },
        keyring: Some(Link { position: ordinal(1), sha256: ContentHash::of(b"keyring") }),
        documents: DocumentChanges {
            added: vec![
                "4f010203-0405-4607-8809-0a0b0c0d0e0f-11 1011 \
                         4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"
                    .parse()
                    .unwrap(),
            ],
            removed: vec!["4f020203-0405-4607-8809-0a0b0c0d0e0f-1".parse().unwrap()],
        },
        point: None,
    }
}

fn log_segment() -> SegmentHeader {
    let link = |position, text: &str| Link { position: ordinal(position), sha256: ContentHash::of(text.as_bytes()) };
    let audit_head = head("coffre.example/production/61010203-0405-4607-8809-0a0b0c0d0e0f", 101, 3);
    let point = Some(SegmentPoint { vault: link(3, "vault"), keyring: link(1, "keyring"), audit_head });
    let documents = DocumentChanges::default();
    SegmentHeader { chain: Chain::Audit, keyring: None, documents, point, ..segment() }
}

#[test]
fn manifests_are_the_documented_bytes() {
    let old = Spool::with(generation(1), None, 0, 2);
    let spool = Spool::with(generation(2), Some(&old), 200_000, 2);
    assert_eq!(sign(&spool.main[1].manifest, &signing_key()).unwrap(), MANIFEST);
    assert_eq!(sign(&spool.keyring[1].manifest, &signing_key()).unwrap(), KEYRING_MANIFEST);
    assert_eq!(open::<MainManifest>(MANIFEST.as_bytes(), &pinned()).unwrap(), spool.main[1]);
    assert_eq!(open::<KeyringManifest>(KEYRING_MANIFEST.as_bytes(), &pinned()).unwrap(), spool.keyring[1]);
    assert_eq!(spool.main[1].audit_head.as_ref().unwrap().size, 200);
}

#[test]
fn a_manifest_of_the_format_before_is_read() {
    let old = open::<MainManifest>(MANIFEST_V1.as_bytes(), &pinned()).unwrap().manifest;
    assert_eq!((old.heading.format.as_str(), &old.chains.audit.base.pieces), ("coffre/manifest/v1", &None));
    assert_eq!(sign(&old, &signing_key()).unwrap(), MANIFEST_V1);
    // What comes after it is of the newer one, which has pieces and the former has not.
    let old = open::<MainManifest>(MANIFEST_V1.as_bytes(), &pinned()).unwrap();
    let after = Heading::after(&old, time(9_000_000), "coffre 0.2.0");
    assert_eq!(after.format, MainManifest::FORMAT);
    let pieces = Spool::with(generation(2), None, 0, 1).main[0].manifest.chains.audit.base.pieces.clone();
    let mut mixed = old.manifest;
    mixed.chains.audit.base.pieces = pieces;
    assert!(matches!(sign(&mixed, &signing_key()), Err(ManifestError::Contradiction { .. })));
}

#[test]
fn a_base_in_pieces_is_as_long_as_they_are() {
    let Reach { mut base, .. } = Spool::with(generation(1), None, 0, 1).main[0].manifest.chains.audit.clone();
    base.size = 10_000;
    base.pieces.as_mut().unwrap().sha256.push(ContentHash::of(b"third"));
    let objects = base.objects(generation(1), Chain::Audit);
    assert_eq!(objects.iter().map(|object| object.size).collect::<Vec<_>>(), [4096, 4096, 1808]);
    assert!(objects.iter().all(|object| object.name == ObjectName::Piece(object.sha256)));
    base.pieces = None;
    let whole = ObjectName::Base { generation: generation(1), chain: Chain::Audit, position: base.position };
    assert_eq!(base.objects(generation(1), Chain::Audit), [Needed { name: whole, size: 10_000, sha256: base.sha256 }]);
}

#[test]
fn an_inventory_is_the_documented_bytes() {
    assert_eq!(inventory(), INVENTORY);
    let mut reader = InventoryReader::default();
    let entries: Vec<_> = INVENTORY.lines().filter_map(|line| reader.next_line(line).unwrap()).collect();
    assert_eq!(reader.finish(), Ok(()));
    assert_eq!(
        entries.iter().map(|e| (e.name.version, e.size)).collect::<Vec<_>>(),
        [(2, 1002), (10, 1010), (1, 1001)]
    );
    assert_eq!(write_inventory(entries), INVENTORY);
}

#[test]
fn an_inventory_names_the_line_that_is_wrong() {
    let read = |text: &str| {
        let mut reader = InventoryReader::default();
        let lines = text.lines().try_for_each(|line| reader.next_line(line).map(drop));
        lines.and_then(|()| reader.finish())
    };
    let lines: Vec<&str> = INVENTORY.lines().collect();
    assert_eq!(read(INVENTORY), Ok(()));
    assert_eq!(read(""), Err(InventoryError::Header));
    assert_eq!(read(&INVENTORY.replace("v1", "v2")), Err(InventoryError::Header));
    assert_eq!(read(&INVENTORY.replace(" 1002 ", " 01002 ")), Err(InventoryError::Line { line: 2 }));
    assert_eq!(read(&INVENTORY.replace(" 1010 ", " +1010 ")), Err(InventoryError::Line { line: 3 }));
    assert_eq!(read(&[lines[0], lines[2], lines[1]].join("\n")), Err(InventoryError::Order { line: 3 }));
    assert_eq!(read(&[lines[0], lines[1], lines[1]].join("\n")), Err(InventoryError::Order { line: 3 }));
}

#[test]
fn a_segment_header_is_the_documented_bytes() {
    let header = segment();
    assert_eq!(header.encode(&signing_key()).unwrap(), SEGMENT);
    assert_eq!(log_segment().encode(&signing_key()).unwrap(), LOG_SEGMENT);
    assert_eq!(SegmentHeader::parse(LOG_SEGMENT, &pinned()).unwrap(), (log_segment(), LOG_SEGMENT.len()));
    assert_eq!(SegmentHeader::length(SEGMENT).unwrap(), SEGMENT.len());
    let with_frames = [SEGMENT, b"frames"].concat();
    assert_eq!(SegmentHeader::parse(&with_frames, &pinned()).unwrap(), (header.clone(), SEGMENT.len()));
    assert_eq!(header.frames_length(), Some(2 * (4096 + 24)));
    assert_eq!(
        header.name(),
        ObjectName::Segment { generation: generation(1), chain: Chain::Vault, position: ordinal(3) }
    );
}

#[test]
fn every_flipped_bit_of_a_header_or_manifest_is_found() {
    for (golden, opens) in [
        (MANIFEST.as_bytes(), (|bytes| open::<MainManifest>(bytes, &pinned()).is_ok()) as fn(&[u8]) -> bool),
        (MANIFEST_V1.as_bytes(), |bytes| open::<MainManifest>(bytes, &pinned()).is_ok()),
        (KEYRING_MANIFEST.as_bytes(), |bytes| open::<KeyringManifest>(bytes, &pinned()).is_ok()),
        (SEGMENT, |bytes| SegmentHeader::parse(bytes, &pinned()).is_ok()),
        (LOG_SEGMENT, |bytes| SegmentHeader::parse(bytes, &pinned()).is_ok()),
    ] {
        assert!(opens(golden));
        for at in 0..golden.len() {
            let mut bytes = golden.to_vec();
            bytes[at] ^= 1;
            assert!(!opens(&bytes), "byte {at}");
        }
        for length in 0..golden.len() {
            assert!(!opens(&golden[..length]), "{length} bytes");
        }
    }
}

#[test]
fn a_segment_that_contradicts_itself_is_not_signed() {
    let wrong = |change: fn(&mut SegmentHeader)| {
        let mut header = segment();
        change(&mut header);
        assert!(matches!(header.encode(&signing_key()), Err(SegmentError::Contradiction { .. })));
    };
    wrong(|header| header.position = Ordinal::FIRST);
    wrong(|header| header.frames.first = 0);
    wrong(|header| header.frames.count = 0);
    wrong(|header| header.frames.first = u64::MAX);
    wrong(|header| header.frames.first = u64::MAX / 4096);
    wrong(|header| header.keyring = None);
    wrong(|header| header.chain = Chain::Audit);
    wrong(|header| header.point = log_segment().point);
    wrong(|header| (header.chain, header.keyring) = (Chain::Keyring, None));
    wrong(|header| header.documents.added.push(header.documents.added[0]));
}
