//! Names: one spelling for each object, in order, and nothing else is taken for one.

use proptest::prelude::*;

use super::*;

fn hash() -> impl Strategy<Value = ContentHash> {
    any::<[u8; 32]>().prop_map(ContentHash::from_bytes)
}

fn name() -> impl Strategy<Value = ObjectName> {
    let generation = any::<[u8; 16]>().prop_map(GenerationId::from_bytes).boxed();
    let number = (1..1_u64 << 53).prop_map(ordinal).boxed();
    let chain = prop::sample::select(Chain::ALL.to_vec());
    let side = prop::sample::select(Side::ALL.to_vec());
    let document = (any::<[u8; 16]>(), any::<u32>(), 1..=u32::MAX).prop_map(|(id, version, epoch)| DocumentName {
        document: DocumentId::from_bytes(id),
        version,
        epoch,
    });
    prop_oneof![
        (generation.clone(), chain.clone(), number.clone())
            .prop_map(|(generation, chain, position)| ObjectName::Base { generation, chain, position }),
        (generation.clone(), chain, number.clone()).prop_map(|(generation, chain, position)| ObjectName::Segment {
            generation,
            chain,
            position
        }),
        (generation, side, number).prop_map(|(generation, side, number)| ObjectName::Manifest {
            generation,
            side,
            number
        }),
        hash().prop_map(ObjectName::Piece),
        hash().prop_map(ObjectName::Inventory),
        hash().prop_map(ObjectName::Keys),
        hash().prop_map(ObjectName::Recovery),
        document.prop_map(ObjectName::Document),
    ]
}

proptest! {
    #[test]
    fn every_name_is_found_under_its_path(name in name()) {
        let path = name.path(&scope());
        prop_assert_eq!(ObjectName::parse(&path, &scope()), Ok(name));
        prop_assert!(path.starts_with(&name.side().vault_folder(&scope())));
    }

    #[test]
    fn a_changed_path_names_another_object_or_none(name in name(), at in any::<prop::sample::Index>(), byte in b' '..b'~') {
        let path = name.path(&scope());
        let mut bytes = path.clone().into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert_ne!(ObjectName::parse(&changed, &scope()), Ok(name));
    }

    #[test]
    fn paths_sort_as_positions_do(a in 1..1_u64 << 53, b in 1..1_u64 << 53) {
        let path = |n| manifest_name(Side::Main, generation(1), n).path(&scope());
        prop_assert_eq!(path(a).cmp(&path(b)), a.cmp(&b));
    }

    #[test]
    fn inventories_round_trip(documents in prop::collection::btree_map((any::<[u8; 16]>(), any::<u32>(), 1..=u32::MAX), (any::<u64>(), hash()), 0..20)) {
        let entries: Vec<_> = documents.into_iter().map(|((id, version, epoch), (size, sha256))| InventoryEntry {
            name: DocumentName { document: DocumentId::from_bytes(id), version, epoch },
            size,
            sha256,
        }).collect();
        let text = write_inventory(entries.clone());
        let mut reader = InventoryReader::default();
        let read: Vec<_> = text.lines().filter_map(|line| reader.next_line(line).unwrap()).collect();
        prop_assert_eq!(read, entries);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(open::<MainManifest>(&bytes, &pinned()).is_err());
        prop_assert!(SegmentHeader::parse(&bytes, &pinned()).is_err());
        let text = String::from_utf8_lossy(&bytes);
        prop_assert!(ObjectName::parse(&text, &scope()).is_err());
        prop_assert!(InventoryReader::default().next_line(&text).is_err());
    }
}

#[test]
fn paths_that_are_no_object_are_told_from_those_of_another_vault() {
    let folder = Side::Main.vault_folder(&scope());
    for path in ["", "main", "other/x", "main/", &format!("{folder}/keys/x.json"), &format!("{folder}/../x")] {
        let error = ObjectName::parse(path, &scope()).unwrap_err();
        let other = path.starts_with("main") && !path.starts_with(&folder);
        assert_eq!(matches!(error, NameError::OtherVault { .. }), other, "{path}");
    }
    // An object of one side in the folder of the other.
    let base = ObjectName::Base { generation: generation(1), chain: Chain::Keyring, position: Ordinal::FIRST };
    let moved = base.path(&scope()).replacen("keyring", "main", 1);
    assert!(matches!(ObjectName::parse(&moved, &scope()), Err(NameError::Unknown { .. })));
}
